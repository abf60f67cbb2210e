"""K-FAC and EKFAC in trials, against every example's own gradient and dense Fisher matrices."""

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from parametrization.scaling.companions import flat_defaults
from tests.workers.cohort.cohorts import precision
from tests.workers.specs import TINY_GPT, TINY_MLP, model_spec, training, trial_spec
from tuner.engine.orders import ModelSpec, TrialSpec
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from workers.training.model_shapes import model_scalings
from workers.training.trainer import train_to
from workers.training.trial import RunningTrial, new_trial

STEPS = 20
BOTH = ["kfac", "ekfac"]
WEIGHTS = ("layers.0.linear", "layers.1.linear", "readout")


def spec_of(name: str, family: Gpt | Mlp = TINY_MLP, **options: object) -> TrialSpec:
    values = {"init_std": 1.0, "output_multiplier": 1.0, **flat_defaults(name)}
    return trial_spec(
        model=model_spec(family, width=32) if family is TINY_GPT else narrow(),
        optimizer=name,
        values=values | {"learning_rate": 2.0**-6, "weight_decay": 0.1},
        train=training(steps=STEPS, batch_size=6).model_copy(update=options),
    )


def narrow() -> ModelSpec:
    return model_spec(TINY_MLP, width=8, base_width=4)


@dataclass
class Dense:
    """One layer's averages, its matrix over all entries solved as a whole."""

    optimizer: str
    hyper: dict[str, float]
    step: int = 0
    sides: dict[str, Tensor] = field(default_factory=dict)
    squares: Tensor | None = None
    basis: Tensor | None = None
    velocity: Tensor | None = None

    def move(self, weight: Tensor, a: Tensor, g: Tensor, rate: float) -> Tensor:
        """The weight after the step; rows of a and g are examples."""
        self.step += 1
        beta, damping = self.hyper["beta_factors"], self.hyper["damping"]
        for side, rows in (("in", a), ("out", g)):
            outer = torch.stack([torch.outer(row, row) for row in rows]).mean(0)
            self.sides[side] = beta * self.sides.get(side, 0 * outer) + (1 - beta) * outer
        mean = torch.stack([torch.kron(y, x) for x, y in zip(a, g, strict=True)]).mean(0)
        if self.optimizer == "kfac":
            inside, outside = (self.sides[side] / (1 - beta**self.step) for side in ("in", "out"))
            damped = [
                factor + damping * factor.trace() * torch.eye(len(factor))
                for factor in (outside, inside)
            ]
            direction = torch.linalg.solve(torch.kron(*damped), mean)
        else:
            direction = self._in_its_basis(a, g, mean)
        before = torch.zeros_like(direction) if self.velocity is None else self.velocity
        self.velocity = self.hyper["momentum"] * before + direction
        return weight * (1 - rate * self.hyper["weight_decay"]) - rate * self.velocity.reshape(
            weight.shape
        )

    def _in_its_basis(self, a: Tensor, g: Tensor, mean: Tensor) -> Tensor:
        beta = self.hyper["beta_squares"]
        turned = torch.kron(*(torch.linalg.eigh(self.sides[side])[1] for side in ("out", "in")))
        rows = torch.stack([torch.kron(y, x) @ turned for x, y in zip(a, g, strict=True)])
        squares = torch.zeros(len(turned))
        if self.squares is not None and self.basis is not None:
            overlap = turned.mT @ self.basis
            squares = overlap.square() @ self.squares
        self.basis = turned
        self.squares = beta * squares + (1 - beta) * rows.square().mean(0)
        corrected = self.squares / (1 - beta**self.step)
        return turned @ (turned.mT @ mean / (corrected + self.hyper["damping"] * corrected.mean()))


def by_hand(trial: RunningTrial) -> list[float]:
    """Losses of a loop that looks at one example at a time; AdamW of torch on the biases."""
    spec = trial.spec
    values = dict(trial.model.named_parameters())
    numbers = {
        one.name: one for one in model_scalings(spec.model, spec.optimizer, spec.hyperparameters)
    }
    weights = {name: values[f"{name}.weight"] for name in WEIGHTS}
    biases = {name: values[f"{name}.bias"] for name in WEIGHTS}
    dense = {name: Dense(spec.optimizer, numbers[f"{name}.weight"].hyper) for name in WEIGHTS}
    adamw = torch.optim.AdamW(
        [
            {"params": [biases[name]], "lr": one.learning_rate, "eps": one.epsilon or 0.0}
            for name in WEIGHTS
            for one in (numbers[f"{name}.bias"],)
        ],
        betas=(0.9, 0.95),
        weight_decay=0.0,
    )
    peaks = [group["lr"] for group in adamw.param_groups]
    losses = []
    for step in range(spec.training.steps):
        batch = trial.batch(step)
        seen: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in WEIGHTS}
        own = []
        adamw.zero_grad()
        for x, target in zip(*batch, strict=True):
            states, outputs = {}, {}
            for name in WEIGHTS:
                factor = numbers[f"{name}.weight"].multiplier
                states[name] = factor * x
                outputs[name] = weights[name] @ states[name] + biases[name]
                x = functional.relu(outputs[name])
            loss = functional.cross_entropy(outputs["readout"], target)
            gradients = torch.autograd.grad(loss, list(outputs.values()), retain_graph=True)
            (loss / len(batch.targets)).backward(inputs=list(biases.values()))  # type: ignore[no-untyped-call]  # torch
            for name, gradient in zip(WEIGHTS, gradients, strict=True):
                seen[name].append((states[name].detach(), gradient))
            own.append(loss.item())
        losses.append(sum(own) / len(own))
        factor = spec.training.schedule.factor(step, spec.training.steps)
        for group, peak in zip(adamw.param_groups, peaks, strict=True):
            group["lr"] = peak * factor
        adamw.step()
        with torch.no_grad():
            for name in WEIGHTS:
                a, g = map(torch.stack, zip(*seen[name], strict=True))
                rate = numbers[f"{name}.weight"].learning_rate * factor
                weights[name].copy_(dense[name].move(weights[name], a, g, rate))
    return losses


@pytest.mark.parametrize("name", BOTH)
def test_a_trial_equals_one_example_at_a_time_with_dense_fisher_matrices(name: str) -> None:
    with precision(torch.float64):
        expected = by_hand(new_trial(spec_of(name)))
        trial = new_trial(spec_of(name))
        train_to(trial, STEPS)
    assert trial.train_losses == pytest.approx(expected, rel=1e-8)
    assert expected[-1] < 0.9 * expected[0]


@pytest.mark.parametrize("family", [TINY_MLP, TINY_GPT], ids=lambda family: family.name)
@pytest.mark.parametrize("name", BOTH)
def test_memory_saved_changes_no_curvature(name: str, family: Gpt | Mlp) -> None:
    """Microbatches and checkpointed activations; the sums are in another order."""
    saving = {"accumulation": 3, "activation_checkpointing": True}
    with precision(torch.float64):
        whole, saved = (new_trial(spec_of(name, family, **options)) for options in ({}, saving))
        for trial in (whole, saved):
            assert train_to(trial, 6).diverged_at is None
    assert saved.train_losses == pytest.approx(whole.train_losses, rel=1e-7)


def test_tables_and_vectors_are_adamws_and_every_linear_map_is_kfacs() -> None:
    spec = spec_of("kfac", TINY_GPT)
    trained = {
        one.name: one.optimizer
        for one in model_scalings(spec.model, spec.optimizer, spec.hyperparameters)
    }
    assert {name for name, by in trained.items() if by == "adamw"} == {
        "token.weight",
        "position.weight",
        "norm.weight",
        "blocks.0.attention_norm.weight",
        "blocks.0.feed_forward_norm.weight",
    }
    assert trained["readout.weight"] == "kfac"
