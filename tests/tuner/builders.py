"""Valid records of studies whose loss surface is known; tests override what they are about."""

import datetime as dt
import math
import random
from collections.abc import Callable, Iterable
from typing import Any

from parametrization.rules.parametrization import Parametrization
from parametrization.shapes.roles import ModelShape, Role, TensorShape
from tuner.records.snapshot import OptimizerStatistic, StudyRecord, StudySnapshot
from tuner.records.trials import StudyTrials, TrialRecord
from tuner.spec.states import Purpose, StateReason, StudyState, TrialState
from tuner.spec.study import StudySpec

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

SHAPE = ModelShape(
    base_width=32,
    tensors=(
        TensorShape("embed.weight", Role.INPUT, (256, 32), (False, True), 0, 1, is_table=True),
        TensorShape("blocks.0.weight", Role.HIDDEN, (32, 32), (True, True), 1, 0),
        TensorShape("blocks.0.bias", Role.VECTOR, (32,), (True,), None, 0),
        TensorShape("blocks.1.weight", Role.HIDDEN, (32, 32), (True, True), 1, 0),
        TensorShape("blocks.1.bias", Role.VECTOR, (32,), (True,), None, 0),
        TensorShape("readout.weight", Role.OUTPUT, (256, 32), (False, True), 1, 0),
    ),
)

Surface = Callable[[Parametrization, int, float], float | None]
"""Log loss by parametrization, width and log2(learning rate); None where training diverges."""

GRID = tuple(float(rate) for rate in range(-8, -1))


def surface(
    optimum: float = -5.3, drift: float = 0.0, curvature: float = 0.02, reach: float = 5.0
) -> Surface:
    """Quadratic log loss; wider is better; it diverges `reach` octaves above the optimum.

    The standard parametrization loses an octave a doubling from width 32 on.
    """

    def log_loss(parametrization: Parametrization, width: int, rate: float) -> float | None:
        doublings = math.log2(width / 32)
        moved = drift if parametrization is Parametrization.MUP else -1.0
        away = rate - optimum - moved * doublings
        return None if away > reach else 1.0 - 0.02 * doublings + curvature * away**2

    return log_loss


def spec(**fields: Any) -> StudySpec:  # noqa: ANN401 - fields of a pydantic model
    """A small GPT study: proxy 32, target 256, measured at 32, 64 and 128.

    Its target's duration is given: as long as the proxies', unless `fields` say otherwise.
    """
    document: dict[str, Any] = {"family": {"name": "gpt"}, "target": {"width": 256}}
    asked = StudySpec.model_validate(document | fields)
    target = asked.target.model_copy(update={"tokens_given": True})
    return asked.model_copy(update={"target": target})


def study(state: StudyState = StudyState.COMPLETED, **fields: Any) -> StudyRecord:  # noqa: ANN401
    """A study record; every field but the state can be overridden."""
    document: dict[str, Any] = {
        "id": "std_1",
        "resume_state": None,
        "reason": None,
        "spec": spec(),
        "shape": SHAPE,
        "created_at": NOW,
        "updated_at": NOW,
        "finished_at": None,
        "version": 1,
    }
    return StudyRecord(state=state, **(document | fields))


def trial(number: int, **fields: Any) -> TrialRecord:  # noqa: ANN401
    """A complete search trial at the proxy width."""
    document: dict[str, Any] = {
        "number": number,
        "purpose": Purpose.SEARCH,
        "optimizer": "adamw",
        "parametrization": Parametrization.MUP,
        "width": 32,
        "seed": 0,
        "batch": 0,
        "hyperparameters": hyperparameters(),
        "params": {},
        "state": TrialState.COMPLETE,
        "state_reason": None,
        "message": None,
        "value": 2.6,
        "validation_loss": 2.6,
        "intermediate_values": {},
        "step": 200,
        "checkpoint": None,
        "created_at": NOW,
        "started_at": NOW,
        "finished_at": NOW,
    }
    return TrialRecord.model_validate(document | fields)


def hyperparameters(learning_rate: float = 2.0**-5, optimizer: str = "adamw") -> dict[str, float]:
    """All hyperparameters of one optimizer."""
    shared = {"learning_rate": learning_rate, "init_std": 1.0, "output_multiplier": 1.0}
    if optimizer == "sgd":
        return shared | {"momentum": 0.9, "weight_decay": 0.0}
    adam = {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8}
    return shared | adam | ({"weight_decay": 0.1} if optimizer == "adamw" else {})


class Trials:
    """Collects trials run on a loss surface, numbered in order."""

    def __init__(self, log_loss: Surface, *, noise: float = 0.004, seed: int = 0) -> None:
        self._log_loss = log_loss
        self._noise = noise
        self._random = random.Random(seed)
        self.made: list[TrialRecord] = []

    def search(
        self, rates: Iterable[float], optimizer: str = "adamw", offset: float = 0.0
    ) -> "Trials":
        """One search trial a rate, each with a seed of its own."""
        for rate in rates:
            self._add(Purpose.SEARCH, 32, rate, len(self.made), optimizer, offset)
        return self

    def measure(
        self,
        widths: Iterable[int] = (32, 64, 128),
        rates: Iterable[float] = GRID,
        seeds: int = 2,
        *,
        purpose: Purpose = Purpose.MEASURE,
        optimizer: str = "adamw",
        offset: float = 0.0,
    ) -> "Trials":
        """The grid; `offset` is added to the log loss."""
        listed = tuple(rates)
        for width in widths:
            for rate in listed:
                for seed in range(seeds):
                    self._add(purpose, width, rate, seed, optimizer, offset)
        return self

    def _add(
        self,
        purpose: Purpose,
        width: int,
        rate: float,
        seed: int,
        optimizer: str,
        offset: float,
    ) -> None:
        parametrization = Parametrization.SP if purpose is Purpose.CONTROL else Parametrization.MUP
        log_loss = self._log_loss(parametrization, width, rate)
        noise = self._random.gauss(0, self._noise)
        value = None if log_loss is None else math.exp(log_loss + offset + noise)
        ending = (
            {"state": TrialState.PRUNED, "state_reason": StateReason.DIVERGED}
            if value is None
            else {"state": TrialState.COMPLETE}
        )
        self.made.append(
            trial(
                len(self.made),
                purpose=purpose,
                width=width,
                seed=seed,
                optimizer=optimizer,
                parametrization=parametrization,
                hyperparameters=hyperparameters(2.0**rate, optimizer),
                value=value,
                **ending,
            )
        )


def searched(log_loss: Surface | None = None, *, seed: int = 0) -> Trials:
    """Sixteen search trials spread over the default range of rates."""
    draw = random.Random(seed)
    return Trials(log_loss or surface(), seed=seed).search(draw.uniform(-10, -2) for _ in range(16))


def passing_check(optimizer: str = "adamw") -> tuple[OptimizerStatistic, ...]:
    """Statistics without any slope but the readout's, at four widths and four seeds."""
    return tuple(
        OptimizerStatistic(
            optimizer=optimizer,
            tensor=tensor.name,
            width=width,
            seed=seed,
            update_rms=0.01 * (1 + 0.01 * seed),
            propagation_rms=_propagation(tensor, width),
        )
        for tensor in SHAPE.tensors
        for width in (64, 128, 256, 512)
        for seed in range(8 if optimizer == "sgd" else 4)
    )


def _propagation(tensor: TensorShape, width: int) -> float | None:
    if tensor.fan_in_axis is None or tensor.role is Role.INPUT:
        return None
    return 0.01 * math.pow(width / 64, -0.5 if tensor.role is Role.OUTPUT else 0.0)


def snapshot(
    trials: Trials | Iterable[TrialRecord] = (),
    *,
    statistics: tuple[OptimizerStatistic, ...] | None = None,
    record: StudyRecord | None = None,
) -> StudySnapshot:
    """A completed study with a passing check."""
    made = list(trials.made if isinstance(trials, Trials) else trials)
    assert len({one.number for one in made}) == len(made), "trials of a study have unique numbers"
    return StudySnapshot(
        study=record or study(),
        trials=StudyTrials(made),
        statistics=passing_check() if statistics is None else statistics,
        open_orders=(),
    )


def measured(log_loss: Surface | None = None, **measure: Any) -> StudySnapshot:  # noqa: ANN401
    """A completed study: searched, and measured as `Trials.measure` is told."""
    return snapshot(searched(log_loss).measure(**measure))
