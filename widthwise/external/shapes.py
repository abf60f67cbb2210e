"""Write the shapes of the reader's own model, as a study of the family `external` takes them."""

import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

import yaml

from parametrization.shapes.roles import ModelShape, Role, TensorShape
from widthwise.errors import WidthwiseError

_DEFAULTS: Final = {at.name: at.default for at in fields(TensorShape)}
"""Of fields that are left out where they say nothing."""

Build = Callable[[int], Any]
"""Width -> torch.nn.Module."""


def shapes_of(
    build: Build,
    base_width: int,
    *,
    delta_width: int | None = None,
    bsh: Path | None = None,
    roles: Mapping[str, Any] | None = None,
    blocks: Iterable[str] = (),
) -> ModelShape:
    """The roles and base shapes of a model's tensors.

    Args:
        build: the model of a width.
        delta_width: another width, to see which dimensions grow; default: twice the base's.
        bsh: a file of base shapes that says which do, instead of a second model.
        roles: of tensors that layers and shapes do not tell: a role's name, or an object with
            `role`, `fan_in_axis` and the other fields of a `Declaration`.
        blocks: patterns of tensors in residual blocks.

    Raises:
        WidthwiseError: if the model cannot be built, or a tensor has no role: with what to say.

    """
    from parametrization.nn.base_shapes import derive_model_shape, read_base_shapes
    from parametrization.nn.classify import Declaration

    try:
        declared = {
            name: Declaration(**{**given, "role": Role(given["role"])})
            if isinstance(given, Mapping)
            else Role(given)
            for name, given in (roles or {}).items()
        }
        base = build(base_width)
        if bsh is not None:
            return read_base_shapes(bsh, base, base_width, roles=declared, blocks=blocks)
        delta = build(delta_width or 2 * base_width)
        return derive_model_shape(base, delta, base_width, roles=declared, blocks=blocks)
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise WidthwiseError(str(error)) from error


def shapes_document(shape: ModelShape) -> dict[str, Any]:
    """The shapes as JSON holds them: `family.shapes` of a specification."""
    return {
        "base_width": shape.base_width,
        "tensors": [
            {name: value for name, value in asdict(tensor).items() if value != _DEFAULTS[name]}
            for tensor in shape.tensors
        ],
    }


def load_build(target: str) -> Build:
    """The function `build(width)` of a file: `FILE.py:build`, any callable of a width.

    Raises:
        WidthwiseError: if there is no such file or function.

    """
    name, _, attribute = target.partition(":")
    path = Path(name)
    if path.suffix != ".py" or not path.is_file() or not attribute.isidentifier():
        raise WidthwiseError(f"{target!r} names no function of a file: write FILE.py:build")
    build: Build
    (build,) = load_functions(path, [attribute])
    return build


def load_functions(path: Path, names: Sequence[str]) -> list[Callable[..., Any]]:
    """Functions of a file of Python source, by name.

    Raises:
        WidthwiseError: if there is no such file, it cannot be imported, or lacks one of them.

    """
    if path.suffix != ".py" or not path.is_file():
        raise WidthwiseError(f"{str(path)!r} is no file of Python source: name a FILE.py")
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location("widthwise_model", path)
    assert spec is not None, "it is a file of Python source"
    assert spec.loader is not None, "it is a file of Python source"
    module = importlib.util.module_from_spec(spec)
    sys.modules["widthwise_model"] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise WidthwiseError(
            f"importing {path.name} failed: {type(error).__name__}: {error}"
        ) from error
    missing = [name for name in names if not callable(getattr(module, name, None))]
    if missing:
        raise WidthwiseError(f"{path.name} has no function {' and none '.join(missing)}")
    return [getattr(module, name) for name in names]


def read_roles(path: Path) -> dict[str, Any]:
    """Roles by parameter name or pattern, from a YAML or JSON file.

    Raises:
        WidthwiseError: if the file cannot be read, or holds something else.

    """
    try:
        roles = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise WidthwiseError(f"cannot read roles from {path}: {error}") from error
    if not isinstance(roles, dict):
        raise WidthwiseError(f"{path} does not map names of parameters to roles")
    return roles
