"""Values to validate with, where a trainer has wrapped the optimizer or the model."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from parametrization.nn.apply import Prepared, apply
from parametrization.nn.stepping import evaluating, recording
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from tests.parametrization.builders import hyperparameters, shape_of
from tests.parametrization.nn.small_models import Mlp, cross_entropy, image_batch


def training_of(model: nn.Module, optimizer: str = "schedule_free_adamw") -> Prepared:
    return apply(
        model,
        shape_of(Mlp),
        hyperparameters(optimizer),
        Multipliers(2),
        optimizer=optimizer,
        schedule=Schedule(),
        steps=20,
        seed=5,
    )


def trained(model: nn.Module) -> Prepared:
    training = training_of(model)
    for step in range(5):
        training.optimizer.zero_grad()
        cross_entropy(model, image_batch(0, step)).backward()  # type: ignore[no-untyped-call]  # untyped
        training.optimizer.step()
        training.schedule.step()
    return training


@pytest.mark.parametrize("times", [0, 1, 2])
def test_the_average_is_evaluated_whatever_wraps_the_optimizer(times: int) -> None:
    accelerate = pytest.importorskip("accelerate")
    accelerate.Accelerator(cpu=True)  # its state, without which it wraps nothing
    model = Mlp(64)
    training = trained(model)
    wrapped = training.optimizer
    for _ in range(times):
        wrapped = accelerate.optimizer.AcceleratedOptimizer(wrapped)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    with evaluating(wrapped):
        apart = [
            (one - other).abs().max().item()
            for one, other in zip(model.parameters(), before, strict=True)
        ]
    assert min(apart) > 0
    for parameter, value in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter, value)


@pytest.mark.parametrize("wrap", [nn.DataParallel, lambda m: torch.compile(m, backend="eager")])
def test_a_wrapped_model_is_evaluated_at_the_average_too(wrap: Callable[..., nn.Module]) -> None:
    bare, inner = Mlp(64), Mlp(64)
    model = wrap(inner)
    x = image_batch(1, 0)[0]
    with evaluating(trained(bare).optimizer), evaluating(trained(model).optimizer):
        torch.testing.assert_close(model(x), bare(x))


@pytest.mark.parametrize("given", [Mlp(8), None, "adamw"], ids=["model", "nothing", "name"])
@pytest.mark.parametrize("called", [evaluating, recording])
def test_what_is_no_optimizer_is_refused(given: object, called: Callable[..., object]) -> None:
    def enter() -> None:
        with called(given):  # type: ignore[attr-defined]
            pass

    with pytest.raises(TypeError, match="takes the optimizer that `apply` returned"):
        enter()
