"""Describe the shapes of a user's own model for a study of the family `external`."""

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import yaml

from parametrization.shapes.roles import ModelShape, Role, TensorShape
from widthwise.errors import WidthwiseError
from widthwise.task import Task, task_problems
from widthwise.task_words import import_words, raised_words

_AXES: Final = {"fan_in_axis", "fan_out_axis", "stacked_axis"}
_DEFAULTS: Final = {at.name: at.default for at in fields(TensorShape)}
"""Defaults of fields, which the document leaves out."""

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
        bsh: a file of base shapes, used instead of a second model.
        roles: of tensors that layers and shapes do not tell: a role's name, or an object with
            `role`, `fan_in_axis` and the other fields of a `Declaration`.
        blocks: patterns of tensors in residual blocks.

    Raises:
        WidthwiseError: if the model cannot be built, or a tensor has no role: with what to say.

    """
    import torch

    from parametrization.nn.base_shapes import derive_model_shape, read_base_shapes
    from parametrization.nn.start.fixed_starts import Built, fixed_starts

    def drawn() -> Built:
        return Built(_built(build, base_width), torch.get_rng_state())

    try:
        declared = {name: _declared(name, given) for name, given in (roles or {}).items()}
        base = drawn()
        if bsh is not None:
            return read_base_shapes(bsh, base.model, base_width, roles=declared, blocks=blocks)
        delta = _built(build, delta_width or 2 * base_width)
        fixed = fixed_starts(base, drawn())
        return derive_model_shape(
            base.model, delta, base_width, roles=declared, blocks=blocks, fixed=fixed
        )
    except (ValueError, TypeError, OSError) as error:
        raise WidthwiseError(str(error)) from error


def _declared(name: str, given: Any) -> Any:  # noqa: ANN401  a Role or a Declaration
    from parametrization.nn.classify import Declaration

    if isinstance(given, Declaration):
        return given
    said = dict(given) if isinstance(given, Mapping) else {"role": given}
    if unknown := said.keys() - {*Declaration._fields}:
        raise WidthwiseError(
            f"the role of {name} says {', '.join(sorted(map(str, unknown)))}: beside `role` it can"
            f" say {', '.join(Declaration._fields[1:])}"
        )
    if "role" not in said:
        raise WidthwiseError(
            f"roles of {name} are {said!r:.80}: say `role` as well, one of {', '.join(Role)}"
        )
    try:
        role = Role(said["role"])
    except ValueError as error:
        raise WidthwiseError(
            f"the role of {name} is {said['role']!r:.80}: use one of {', '.join(Role)}"
        ) from error
    if not isinstance(given, Mapping):
        return role  # its axes are those of its layer
    for field in _AXES & said.keys():
        axes = said[field] if isinstance(said[field], list) else [said[field]]
        if not all(axis is None or type(axis) is int for axis in axes):
            raise WidthwiseError(
                f"{field} of {name} is {said[field]!r:.80}: give the number of a dimension, from"
                " 0, or a list of them"
            )
    listed: dict[str, Any] = {
        key: tuple(one) if isinstance(one, list) else one for key, one in said.items()
    }
    return Declaration(**listed | {"role": role})


def _built(build: Build, width: int) -> Any:  # noqa: ANN401  a torch.nn.Module
    from torch import nn

    try:
        model = build(width)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # cancellations and exits are no Exception
        words = raised_words(error, _folder_of(build))
        raise WidthwiseError(f"building the model of width {width} raised {words}") from error
    if not isinstance(model, nn.Module):
        kind = "nothing" if model is None else f"a {type(model).__name__}"
        raise WidthwiseError(
            f"building the model of width {width} gave {kind}: return a torch.nn.Module"
        )
    return model


def _folder_of(build: Build) -> Path:
    """Folder of the user's own code: errors name lines of it."""
    try:
        return Path(inspect.getfile(inspect.unwrap(build))).resolve().parent
    except TypeError:  # no function or class
        return Path.cwd()


def shapes_document(shape: ModelShape) -> dict[str, Any]:
    """The shapes as JSON holds them: `family.shapes` of a specification."""
    return {
        "base_width": shape.base_width,
        "tensors": [
            {name: value for name, value in asdict(tensor).items() if value != _DEFAULTS[name]}
            for tensor in shape.tensors
        ],
    }


class Named(NamedTuple):
    """A model of a user's file.

    Attributes:
        base_width: None of a function.
        roles: as `shapes_of` takes them; empty of a function.

    """

    build: Build
    base_width: int | None = None
    roles: Mapping[str, Any] = MappingProxyType({})
    blocks: tuple[str, ...] = ()


def load_named(target: str) -> Named:
    """A callable of a width in a file, `FILE.py:build`, or a `widthwise.Task` and its roles.

    Raises:
        WidthwiseError: if there is no such file or name, or the class is no whole task.

    """
    name, _, attribute = target.partition(":")
    path = Path(name)
    if path.suffix != ".py" or not path.is_file() or not attribute.isidentifier():
        raise WidthwiseError(f"{target!r} names no function of a file: write FILE.py:build")
    (named,) = load_functions(path, [attribute])
    if not isinstance(named, type) or not issubclass(named, Task):
        return Named(named)
    if problems := task_problems(named):
        raise WidthwiseError("\n".join(f"{path.name}: {problem}" for problem in problems))
    task: type[Task] = named

    @wraps(task.model)
    def build(width: int) -> Any:  # noqa: ANN401  a torch.nn.Module
        return task().model(width, task.depth)

    return Named(build, task.base_width, task.roles, tuple(task.blocks))


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
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # cancellations and exits are no Exception
        raise WidthwiseError(import_words(error, path.resolve())) from error
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
