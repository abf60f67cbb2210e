"""What breaks cohorts silently, each kept from coming back."""

from collections import Counter
from collections.abc import Callable

import pytest
import torch
from torch import nn

from parametrization.nn.layers import Readout, ResidualSum
from tests.workers.cohort.cohorts import (
    EVERY_OPTIMIZER,
    PROGRAMS,
    alone,
    distance,
    precision,
    together,
    varied,
)
from tests.workers.specs import TINY_GPT, TINY_MLP
from tuner.engine.orders import TrialSpec
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from workers.cohort import step as step_module
from workers.cohort.cohort import Cohort
from workers.cohort.gradients import GradientOptions, Stacked, gradient_function, norms, traced
from workers.cohort.stack import stack_trials
from workers.cohort.updates import SliceUpdates
from workers.datasets.data import Batch
from workers.training.objective import batch_loss
from workers.training.trainer import train_to
from workers.training.trial import RunningTrial, new_trial

FAMILIES: list[Gpt | Mlp] = [TINY_GPT, TINY_MLP]


def program_of(trials: list[RunningTrial]) -> tuple[torch.fx.GraphModule, Stacked, Batch]:
    stacked, batch = stack_trials(trials).stacked, trials[0].batch(0)
    function = gradient_function(trials[0].model, batch_loss, GradientOptions(shared_batch=True))
    return traced(function, stacked, batch), stacked, batch


def kernels(program: torch.fx.GraphModule) -> Counter[str]:
    return Counter(str(node.target) for node in program.graph.nodes if node.op == "call_function")


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_of_a_cohort_reach_the_fused_kernels_contiguous(family: Gpt | Mlp) -> None:
    """`vmap(grad)` hands back transposed ones, which the kernels read as if they were not."""
    program, stacked, batch = program_of([new_trial(spec) for spec in varied(3, family)])
    _, gradients, _ = program(stacked, batch)
    for gradient in gradients.values():
        assert gradient.is_contiguous()
        assert all(row.is_contiguous() for row in gradient)


def test_the_fused_kernel_does_misread_a_transposed_gradient() -> None:
    """Should this fail, torch has mended it, and copies can go."""
    parameter, gradient = torch.zeros(4, 4), torch.arange(16.0).view(4, 4)
    one, other = parameter.clone().requires_grad_(), parameter.clone().requires_grad_()
    one.grad, other.grad = gradient.mT, gradient.mT.contiguous()
    for tensor in (one, other):
        torch.optim.SGD([tensor], lr=1.0, fused=True).step()
    assert not torch.equal(one, other)


def test_norms_are_of_each_trial_and_not_of_the_stack() -> None:
    tensors = {"a": torch.ones(3, 4), "b": torch.tensor([[3.0], [torch.nan], [0.0]])}
    found = norms(tensors)
    assert found[0] == pytest.approx(13**0.5)
    assert found[1].isnan()
    assert found[2] == pytest.approx(2.0)


def test_every_trial_keeps_its_own_readout_multiplier() -> None:
    trials = [new_trial(spec) for spec in varied(3)]
    before = [trial.model.readout.multiplier for trial in trials]  # type: ignore[union-attr]  # GPT
    assert len(set(before)) == 3
    cohort = together(trials, 2)
    assert [trial.model.readout.multiplier for trial in cohort.trials] == before  # type: ignore[union-attr]  # GPT


def test_attention_runs_once_a_layer_and_not_once_a_trial() -> None:
    deep = TINY_GPT.model_copy(update={"depth": 2})
    program, _, _ = program_of([new_trial(spec) for spec in varied(5, deep)])
    counts = kernels(program)
    assert counts["aten._scaled_dot_product_flash_attention_for_cpu.default"] == 2
    assert counts["aten._scaled_dot_product_flash_attention_for_cpu_backward.default"] == 2


def test_attention_that_has_no_folded_kernel_is_as_exact() -> None:
    """A mask: written out as products, which `vmap` can batch."""

    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(8, 8, dtype=torch.float64) / 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            q = (x @ self.weight)[:, None]
            mask = torch.ones(x.shape[-2], x.shape[-2], dtype=torch.bool).tril()
            return nn.functional.scaled_dot_product_attention(q, q, q, attn_mask=mask)

    assert_gradients_agree(Masked, torch.randn(2, 5, 8, dtype=torch.float64))


def test_buffers_are_every_trials_own() -> None:
    """BatchNorm's running statistics move as they do alone."""

    def build() -> nn.Module:
        return nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6), Readout(6, 3)).double()

    assert_gradients_agree(build, torch.randn(16, 8, dtype=torch.float64))


def assert_gradients_agree(build: Callable[[], nn.Module], inputs: torch.Tensor) -> None:
    """Loss, gradients and buffers of three models of a kind, stacked and alone."""
    torch.manual_seed(0)
    models = [build() for _ in range(3)]
    named = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    stacked = Stacked(
        {name: torch.stack([one[name].detach() for one in named]) for name in named[0]},
        {name: torch.stack([one[name] for one in buffers]) for name in buffers[0]},
        {
            name: torch.ones(3, dtype=torch.float64)
            for name, part in models[0].named_modules()
            if isinstance(part, Readout)
        },
    )
    batch = Batch(inputs, inputs.new_zeros(()))

    def loss(model: nn.Module, batch: Batch) -> torch.Tensor:
        value: torch.Tensor = model(batch.inputs).square().mean()
        return value

    program = traced(
        gradient_function(models[0], loss, GradientOptions(shared_batch=True)), stacked, batch
    )
    with torch.no_grad():
        losses, gradients, _ = program(stacked, batch)
    for number, model in enumerate(models):
        alone = loss(model, batch)
        torch.autograd.backward(alone)
        torch.testing.assert_close(losses[number], alone.detach(), rtol=1e-12, atol=1e-12)
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(
                gradients[name][number], parameter.grad, rtol=1e-11, atol=1e-12
            )
        for name, buffer in model.named_buffers():
            torch.testing.assert_close(stacked.buffers[name][number], buffer)


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
def test_the_pure_updates_train_a_stack_as_the_kernels_do(
    optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One definition for solo and cohort: what a GPU runs, here on a CPU."""
    with precision(torch.float64):
        specs = varied(3, TINY_MLP, optimizer)
        monkeypatch.setattr(step_module, "has_fused_kernel", lambda _: False)
        cohort = Cohort([new_trial(spec) for spec in specs], PROGRAMS)
        cohort.advance(40)
        for spec, trial in zip(specs, cohort.trials, strict=True):
            assert distance(trial, alone(spec, 40)) < 1e-12
            assert trial.optimizer.state_dict()["state"].keys() == set(range(6))


def test_on_a_cpu_the_kernels_run_on_slices() -> None:
    cohort = together([new_trial(spec) for spec in varied(2, TINY_MLP)], 1)
    assert isinstance(cohort._step_of_all._updates, SliceUpdates)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_cohort_on_a_gpu_equals_its_trials_alone_there(family: Gpt | Mlp, optimizer: str) -> None:
    with precision(torch.float64):
        specs = varied(4, family, optimizer)
        cohort = together([new_trial(spec, "cuda") for spec in specs], 40)
        for spec, trial in zip(specs, cohort.trials, strict=True):
            assert distance(trial, alone(spec, 40, "cuda")) < 1e-9


@pytest.mark.parametrize("multipliers", [(1.0, 0.5), (0.5, 0.5)])
def test_branches_are_added_with_each_trials_own_multiplier(
    multipliers: tuple[float, float],
) -> None:
    """A number of the program where all trials share it, and never another program's."""

    def opened(spec: TrialSpec) -> RunningTrial:
        trial = new_trial(spec)
        for part in trial.model.modules():
            if isinstance(part, ResidualSum):
                part.multiplier = multipliers[spec.number]
        return trial

    with precision(torch.float64):
        specs = varied(2, steps=8)
        cohort = together([opened(spec) for spec in specs], 4)
        for spec, trial in zip(specs, cohort.trials, strict=True):
            reference = opened(spec)
            train_to(reference, 4)
            assert distance(trial, reference) < 1e-12
