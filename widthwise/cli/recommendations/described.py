"""A target that a file describes: its configuration, or the model itself."""

from pathlib import Path
from typing import NamedTuple, cast

from widthwise.client import Asked
from widthwise.errors import WidthwiseError
from widthwise.external.target_models import target_document
from widthwise.loading import STORED

_SIZES = ("width", "depth")
_TRAINING = ("batch_size", "tokens")


class Description(NamedTuple):
    """A request for a described target.

    Attributes:
        asked: the target's fields that the description does not hold.
        text: of a `target_config`; None where no file describes the target.

    """

    asked: Asked
    text: str | None


def described(
    source: str, asked: Asked, config: Path | None, model: str | None, *, store: bool
) -> Description:
    """The target of `--target-config` or `--target-model`; without both, `asked` as it is.

    Args:
        source: id of a study, or of a stored recommendation.

    Raises:
        WidthwiseError: if another option contradicts the file, or an option is missing.

    """
    if config is None and model is None:
        return Description(asked, None)
    option = "--target-config" if config is not None else "--target-model"
    given = [name for name in _SIZES if asked.get(name) is not None]
    beside = [*["--store"] * store, *[source] * source.startswith(STORED)]
    if config is not None:
        beside += [*(_option(name) for name in given), *["--target-model"] * (model is not None)]
    if beside:
        raise WidthwiseError(
            f"{option} describes a study's target with its width and depth: leave out"
            f" {' and '.join(beside)}"
        )
    if missing := [name for name in _TRAINING if asked.get(name) is None]:
        options = " and ".join(map(_option, missing))
        raise WidthwiseError(f"{option} does not say the target's {options}: give them")
    rest = cast("Asked", {name: x for name, x in asked.items() if name not in _SIZES})
    if config is not None:
        return Description(rest, _text_of(config))
    width, depth = asked.get("width"), asked.get("depth")
    assert model is not None, "one of the two is given"
    if width is None or depth is None:
        options = " and ".join(_option(name) for name in _SIZES if name not in given)
        raise WidthwiseError(f"--target-model builds the model of a size: give {options}")
    return Description(rest, target_document(model, width, depth))


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WidthwiseError(f"cannot read {path}: {error}") from error
