"""A depth multiplier reaches every branch of like blocks, or none."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from parametrization.nn.initialise import set_residual_multipliers
from parametrization.nn.layers import Residual, ResidualSum


class Half(nn.Module):
    """Attention in a Residual, the other branch added by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.attention = Residual(nn.Linear(4, 4))
        self.mlp = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.attention(x)
        result: Tensor = x + self.mlp(self.norm(x))
        return result


class Whole(ResidualSum):
    """Both branches by one module that adds them."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.Linear(4, 4)
        self.mlp = nn.Linear(4, 4)


class Plain(nn.Module):
    def __init__(self, *, wrapped: bool) -> None:
        super().__init__()
        branch = nn.Linear(4, 4)
        self.branch = Residual(branch) if wrapped else branch


def stack(*blocks: nn.Module) -> nn.Module:
    return nn.ModuleDict({"embed": nn.Linear(3, 4), "blocks": nn.ModuleList(blocks)})


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda: stack(Half(), Half()), r"blocks\.0\.mlp\.weight"),
        (lambda: stack(Plain(wrapped=True), Plain(wrapped=False)), r"blocks\.1"),
        (lambda: nn.Sequential(Half(), Half()), r"0\.mlp\.weight"),
    ],
)
def test_branches_added_by_hand_beside_others_are_refused_where_depth_changes(
    build: Callable[[], nn.Module], name: str
) -> None:
    with pytest.raises(ValueError, match=rf"multiplier 0\.5, and {name} is in no .*Residual"):
        set_residual_multipliers(build(), 0.5)
    set_residual_multipliers(build(), 1.0)  # nothing has to be multiplied


@pytest.mark.parametrize(
    "build",
    [
        lambda: stack(Whole(), Whole()),
        lambda: stack(Plain(wrapped=True), Plain(wrapped=True)),
        lambda: nn.Sequential(Residual(nn.Linear(4, 4)), Residual(nn.Linear(4, 4))),
        lambda: nn.Sequential(nn.Linear(4, 4), Residual(nn.Linear(4, 4)), nn.Linear(4, 4)),
    ],
)
def test_a_model_whose_branches_are_all_wrapped_is_multiplied(
    build: Callable[[], nn.Module],
) -> None:
    model = build()
    set_residual_multipliers(model, 0.5)
    sums = [module for module in model.modules() if isinstance(module, ResidualSum)]
    assert sums
    assert all(one.multiplier == 0.5 for one in sums)


def test_a_projection_that_one_block_alone_has_is_no_branch() -> None:
    """The shortcut of a ResNet's first block of a stage."""

    class Stage(nn.Module):
        def __init__(self, *, projects: bool) -> None:
            super().__init__()
            self.shortcut = nn.Linear(4, 4) if projects else nn.Identity()
            self.branch = Residual(nn.Linear(4, 4))

    model = stack(Stage(projects=True), Stage(projects=False))
    set_residual_multipliers(model, 0.5)
    assert (
        torch.tensor([m.multiplier for m in model.modules() if isinstance(m, Residual)])
        .eq(0.5)
        .all()
    )
