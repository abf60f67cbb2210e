"""Find residual branches that are added by hand beside others that are a `layers.Residual`."""

from collections.abc import Iterator

from torch import nn

from parametrization.nn.layers import ResidualSum

_MATRIX = 2


def refuse_plain_branches(model: nn.Module, multiplier: float) -> None:
    """Refuse a model of whose branches only some would get the depth multiplier.

    Blocks of one class, numbered in one container, are compared: if any has residual sums, all must
    have them, and they must not all have matrices outside of their sums.

    Raises:
        ValueError: naming the first block or matrix that is outside.

    """
    for path, blocks in _repeated(model):
        sums = [_sums(block) for block in blocks.values()]
        if not any(sums):
            continue
        if without := [name for (name, _), n in zip(blocks.items(), sums, strict=True) if not n]:
            raise ValueError(_refusal(_joined(path, without[0]), multiplier))
        outside = {name: _outside(block) for name, block in blocks.items()}
        if all(outside.values()):
            name, (first, *_) = next(iter(outside.items()))
            raise ValueError(_refusal(_joined(path, name, first), multiplier))


def _joined(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def _refusal(name: str, multiplier: float) -> str:
    return (
        f"the residual branches need the multiplier {multiplier:g}, and {name} is in no"
        " parametrization.nn.layers.Residual, as others of its kind are: make every x + f(x) a"
        " Residual(f), or choose depth_rule none"
    )


def _repeated(model: nn.Module) -> Iterator[tuple[str, dict[str, nn.Module]]]:
    """Containers of two or more numbered modules of one class."""
    for path, module in model.named_modules():
        children = dict(module.named_children())
        kinds = {type(child) for child in children.values()}
        if len(children) > 1 and len(kinds) == 1 and all(name.isdecimal() for name in children):
            yield path, children


def _sums(block: nn.Module) -> int:
    return sum(isinstance(module, ResidualSum) for module in block.modules())


def _outside(block: nn.Module) -> list[str]:
    """Matrices of the block that no residual sum holds."""
    inside = {
        id(parameter)
        for module in block.modules()
        if isinstance(module, ResidualSum)
        for parameter in module.parameters()
    }
    return [
        name
        for name, parameter in block.named_parameters()
        if parameter.dim() >= _MATRIX and id(parameter) not in inside
    ]
