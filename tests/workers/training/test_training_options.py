"""Precision, accumulation and activation checkpointing: the same mathematics with less memory."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from tests.workers.cohort.cohorts import PROGRAMS, precision
from tests.workers.specs import (
    TINY_BATCHNORM_RESNET,
    TINY_GPT,
    TINY_MLP,
    model_spec,
    training,
    trial_spec,
)
from tuner.engine.orders import TrialSpec
from tuner.engine.packing import Packing
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from tuner.spec.families.model_family import ModelFamily
from tuner.spec.study import StudySpec
from tuner.spec.study_fields import Training
from workers.cohort.cohort import Cohort
from workers.packing.train_together import train_packed
from workers.slot.process import UNFUSED_NORM
from workers.training.objective import Objective, batch_loss
from workers.training.trainer import backward, train_to, validation_loss
from workers.training.trial import RunningTrial, new_trial

FAMILIES: list[Gpt | Mlp] = [TINY_GPT, TINY_MLP]
DEEPER_GPT = TINY_GPT.model_copy(update={"depth": 2})
STEPS = 10


def spec_of(family: ModelFamily = TINY_GPT, number: int = 0, **options: Any) -> TrialSpec:  # noqa: ANN401 - of Training
    train = training(steps=STEPS, batch_size=12)
    return trial_spec(
        number=number, model=model_spec(family), train=train.model_copy(update=options)
    )


def gradients(trial: RunningTrial) -> tuple[Tensor, list[Tensor]]:
    loss = backward(trial, trial.batch(0))
    return loss, [tensor.grad for tensor in trial.parameters if tensor.grad is not None]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("parts", [2, 3, 12])
def test_microbatches_give_the_gradient_of_the_whole_batch(
    family: Gpt | Mlp, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    def noted(model: torch.nn.Module, batch: Any) -> Tensor:  # noqa: ANN401 - passed through
        sizes.append(len(batch.inputs))
        return batch_loss(model, batch)

    with precision(torch.float64):
        whole_loss, whole = gradients(new_trial(spec_of(family)))
        monkeypatch.setattr("workers.training.trainer.objective", lambda _: Objective(noted, noted))
        loss, accumulated = gradients(new_trial(spec_of(family, accumulation=parts)))
    assert sizes == [12 // parts] * parts
    assert len(whole) == len(accumulated) > 4
    torch.testing.assert_close(loss, whole_loss, rtol=1e-12, atol=0)
    for ours, expected in zip(accumulated, whole, strict=True):
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("family", [DEEPER_GPT, TINY_MLP, TINY_BATCHNORM_RESNET])
def test_checkpointed_activations_change_no_bit_of_the_curves(family: ModelFamily) -> None:
    """Nor of what is validated: running statistics count a batch once."""
    kept, recomputed = both = [
        new_trial(spec_of(family, activation_checkpointing=on)) for on in (False, True)
    ]
    names = [[name for name, _ in trial.model.named_parameters()] for trial in both]
    assert names[0] == names[1]
    assert stored_for_backward(recomputed) < 0.8 * stored_for_backward(kept)
    assert train_to(kept, STEPS) == train_to(recomputed, STEPS)
    for ours, theirs in zip(kept.parameters, recomputed.parameters, strict=True):
        assert torch.equal(ours, theirs)


def stored_for_backward(trial: RunningTrial) -> int:
    """Numbers that the graph of one forward pass holds, parameters aside."""
    own = {parameter.data_ptr() for parameter in trial.parameters}
    sizes = []

    def noted(tensor: Tensor) -> Tensor:
        sizes.append(0 if tensor.data_ptr() in own else tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(noted, lambda tensor: tensor):
        batch_loss(trial.model, trial.batch(0))
    return sum(sizes)


@pytest.mark.filterwarnings(f"ignore:{UNFUSED_NORM}")
@pytest.mark.parametrize("family", FAMILIES)
def test_bf16_computes_layers_in_bfloat16_and_keeps_weights_in_fp32(family: Gpt | Mlp) -> None:
    full, mixed = (new_trial(spec_of(family, precision=name)) for name in ("fp32", "bf16"))
    seen: list[torch.dtype] = []
    mixed.model.readout.register_forward_hook(  # type: ignore[union-attr]  # every family has one
        lambda _layer, _inputs, output: seen.append(output.dtype)
    )
    segments = [train_to(trial, STEPS) for trial in (full, mixed)]
    assert set(seen) == {torch.bfloat16}
    held = [*mixed.parameters, *(p.grad for p in mixed.parameters if p.grad is not None)]
    assert {tensor.dtype for tensor in held} == {torch.float32}
    losses = [[update.train_loss for update in segment.updates] for segment in segments]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)  # 8 bits of mantissa
    assert validation_loss(mixed) == pytest.approx(validation_loss(full), rel=0.02)


@pytest.mark.parametrize("options", [{"accumulation": 2}, {"activation_checkpointing": True}])
@pytest.mark.filterwarnings(f"ignore:{UNFUSED_NORM}")
def test_what_cohorts_do_not_know_trains_alone(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cohort, "__init__", pytest.fail)
    trials = [new_trial(spec_of(number=number, **options)) for number in range(2)]
    fused = Packing(way="fused", least=2, most=4, speedup=2.0, device="cpu")
    segments = [segment for _, segment in train_packed(trials, 2, fused, PROGRAMS)]
    assert [len(segment.updates) for segment in segments] == [2, 2]


def test_a_training_stored_before_these_options_is_read_as_it_was_meant() -> None:
    stored = Training().model_dump()
    for name in ("precision", "accumulation", "activation_checkpointing"):
        del stored[name]
    assert Training.model_validate(stored) == Training()


@pytest.mark.parametrize(("batch_size", "parts", "remedy"), [(16, 3, 2), (6, 8, 6), (7, 4, 1)])
def test_microbatches_that_would_not_be_equal_are_refused(
    batch_size: int, parts: int, remedy: int
) -> None:
    fields = {"batch_size": batch_size, "accumulation": parts}
    spec = {"family": {"name": "mlp"}, "target": {"width": 128}, "training": fields}
    with pytest.raises(ValidationError) as caught:
        StudySpec.model_validate(spec)
    (error,) = caught.value.errors()
    ((pointer, words),) = error["ctx"]["problems"]
    assert pointer == "/training/accumulation"
    assert f"{parts} microbatches do not divide batch_size {batch_size} evenly" in words
    assert f"use {remedy}," in words
