"""Find the modules whose outputs the check watches: the repeated blocks, and the model itself."""

from collections.abc import Iterator

from torch import nn

from parametrization.nn.layers import ResidualSum


def watched_modules(model: nn.Module) -> dict[nn.Module, str]:
    """The outermost blocks and the model, by their names in the bare model.

    A block is a residual sum, or a numbered entry of a list or sequence that holds several layers.
    """
    return {model: ""} | {module: path for path, module in _blocks(model, "")}


def _blocks(module: nn.Module, path: str) -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        at = f"{path}.{name}" if path else name
        numbered = name.isdigit() and _layers(child) > 1
        if numbered or isinstance(child, ResidualSum):
            yield at, child
        else:
            yield from _blocks(child, at)


def _layers(module: nn.Module) -> int:
    """Modules inside that have parameters of their own."""
    return sum(next(one.parameters(recurse=False), None) is not None for one in module.modules())
