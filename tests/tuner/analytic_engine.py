"""An engine whose trials have a known loss surface, so that decisions can be checked exactly.

It passes the contract suite of engines, finishes orders in any order it is told to, and loses
some. An order that would take more than a million steps reports its first rung and never ends.
"""

import math
import random
from collections.abc import Callable

from parametrization.recommendation.dynamics import Landscape, Look, WidthDynamics
from parametrization.rules.parametrization import Parametrization
from parametrization.shapes.roles import ModelShape, Role, TensorShape
from tuner.engine.checkpoints import Checkpoint
from tuner.engine.orders import (
    CheckOrder,
    DescribeOrder,
    DynamicsOrder,
    OpenTrial,
    Order,
    OrderId,
    ProbeOrder,
    TrainOrder,
    TrialSpec,
)
from tuner.engine.packing import SOLO, Packing
from tuner.engine.protocol import NoFreeSlot
from tuner.engine.reports import CoordinateStatistic, Done, Lost, Reached, Report, TrialProgress
from tuner.engine.series import Series
from tuner.engine.slots import Slot

# Of one block: a study whose family is one block deep can be asked for deeper targets.
SHAPE = ModelShape(
    base_width=32,
    tensors=(
        TensorShape("embed.weight", Role.INPUT, (256, 32), (False, True), 0, 1, is_table=True),
        TensorShape("blocks.0.weight", Role.HIDDEN, (32, 32), (True, True), 1, 0, in_block=True),
        TensorShape("readout.weight", Role.OUTPUT, (256, 32), (False, True), 1, 0),
    ),
)


def optimum(parametrization: Parametrization, width: int) -> float:
    """The surface's best log2(learning rate): constant under muP, one octave a doubling else."""
    return -6.0 if parametrization is Parametrization.MUP else -6.0 - math.log2(width / 32)


Moves = Callable[[TrialSpec], float]
"""Octaves by which a trial's depth, batch and duration move the best rate at the base."""


def loss_at(trial: OpenTrial, step: int, moves: Moves = lambda _: 0.0) -> float | None:
    """Mean train loss after `step` steps; None (diverged) three octaves above the optimum."""
    spec = trial.spec
    rate = math.log2(spec.hyperparameters["learning_rate"])
    away = rate - optimum(spec.model.parametrization, spec.model.width) - moves(spec)
    if away > 3:
        return None
    noise = random.Random(f"{spec.seed}/{rate}/{spec.model.width}").gauss(0, 0.002)
    return 3.0 - 0.1 * math.log2(spec.model.width) + 0.05 * away**2 + 2.0 / step + noise


DATA_SHA256 = "d" * 64


def dynamics_at(width: int, edge: float = 0.5) -> WidthDynamics:
    """A noise scale of 80 examples, and an edge that is held from the first updates on."""
    looks = tuple(
        Look(
            step=step,
            loss=2.0,
            hessian=(4.0, 1.0),
            residual=1e-6,
            gauss_newton=(3.5, 1.0),
            edge=None if step == 0 else edge,
            gradient_square=0.05,
            noise_trace=4.0,
        )
        for step in (0, 100, 200)
    )
    landscape = Landscape(offsets=(-1.0, 0.0, 1.0), losses=((4.0, 3.0, 4.0), (2.5, 2.0, None)))
    return WidthDynamics(
        optimizer="adamw",
        width=width,
        batch_size=16,
        learning_rate=2.0**-6,
        looks=looks,
        landscape=landscape,
    )


class AnalyticEngine:
    """Engine over the surface above.

    Args:
        slots: how many orders run at once.
        seed: which of the running orders ends next.
        losing: probability that an order is lost instead of ending.
        packing: what every probe finds.
        shape: of every model.
        moves: of the best rate with what is not the width.
        hidden_growth: power of width with which updates of hidden tensors grow in a check.
    """

    def __init__(
        self,
        slots: int,
        seed: int = 0,
        losing: float = 0.0,
        packing: Packing = SOLO,
        shape: ModelShape = SHAPE,
        moves: Moves = lambda _: 0.0,
        hidden_growth: float = 0.0,
    ) -> None:
        self._hidden_growth = hidden_growth
        self._running: dict[str, Order | None] = {f"cpu-{i}": None for i in range(slots)}
        self._random = random.Random(seed)
        self._losing = losing
        self._packing = packing
        self._shape = shape
        self._moves = moves
        self._endless: set[str] = set()
        self._killed: set[str] = set()
        self.started: list[Order] = []
        self._attempts: set[tuple[OrderId, int]] = set()

    def slots(self) -> tuple[Slot, ...]:
        return tuple(
            Slot(
                name=name,
                device="cpu",
                device_kind="cpu",
                busy_with=order.id if order else None,
            )
            for name, order in self._running.items()
        )

    def start(self, order: Order) -> None:
        if (order.id, order.attempt) in self._attempts:
            return
        free = [name for name, running in self._running.items() if running is None]
        if not free:
            raise NoFreeSlot(order.id, "wait for a report")
        self._running[free[0]] = order
        self._attempts.add((order.id, order.attempt))
        self.started.append(order)

    def cancel(self, order_id: OrderId) -> None:
        for name, running in self._running.items():
            if running and running.id == order_id:
                self._running[name] = None

    def kill(self, order_id: OrderId) -> None:
        """Lose the order: the next `wait` reports it."""
        self._killed.add(order_id)

    def wait(self, timeout_seconds: float) -> list[Report]:
        going_on = self._endless - self._killed
        busy = [n for n, order in self._running.items() if order and order.id not in going_on]
        if not busy:
            return []
        name = self._random.choice(busy)
        order = self._running[name]
        assert order is not None
        killed = order.id in self._killed
        if isinstance(order, TrainOrder) and order.to_step > 10**6 and not killed:
            self._endless.add(order.id)
            return self._reports(order)[:1]
        self._running[name] = None
        self._killed.discard(order.id)
        self._endless.discard(order.id)
        if killed or self._random.random() < self._losing:
            return [
                Lost(order_id=order.id, attempt=order.attempt, message="the slot's process died")
            ]
        return self._reports(order)

    def close(self) -> None:
        self._endless.clear()
        self._running = dict.fromkeys(self._running)

    def _reports(self, order: Order) -> list[Report]:
        if isinstance(order, DescribeOrder):
            ids = {"order_id": order.id, "attempt": order.attempt}
            return [Done(**ids, shape=self._shape, data_sha256=DATA_SHA256)]
        if isinstance(order, CheckOrder):
            statistics = _statistics(order, self._shape, self._hidden_growth)
            return [Done(order_id=order.id, attempt=order.attempt, statistics=statistics)]
        if isinstance(order, ProbeOrder):
            return [Done(order_id=order.id, attempt=order.attempt, packing=self._packing)]
        if isinstance(order, DynamicsOrder):
            seen = dynamics_at(order.model.width)
            return [Done(order_id=order.id, attempt=order.attempt, dynamics=seen)]
        reports: list[Report] = []
        goes_on = {trial.spec.number: trial for trial in order.trials}
        before = {
            number: trial.start.step if trial.start else 0 for number, trial in goes_on.items()
        }
        for rung in order.rungs:
            progress = tuple(
                _progress(trial, before[number], rung, self._moves)
                for number, trial in goes_on.items()
                if before[number] < rung
            )
            over = {one.number for one in progress if one.diverged}
            goes_on = {n: trial for n, trial in goes_on.items() if n not in over}
            before |= dict.fromkeys(goes_on, rung)
            kind = Done if rung == order.to_step or not goes_on else Reached
            reports.append(kind(order_id=order.id, attempt=order.attempt, trials=progress))
            if kind is Done:
                break
        return reports


def _statistics(
    order: CheckOrder, shape: ModelShape, hidden_growth: float
) -> tuple[CoordinateStatistic, ...]:
    return tuple(
        CoordinateStatistic(
            tensor=tensor.name,
            width=order.model.width,
            seed=seed,
            update_rms=0.01
            * (1 + 0.001 * seed)
            * (order.model.width**hidden_growth if tensor.role is Role.HIDDEN else 1.0),
            propagation_rms=0.01
            * (1 + 0.001 * seed)
            * (order.model.width**-0.5 if tensor.role is Role.OUTPUT else 1.0),
        )
        for tensor in shape.tensors
        for seed in order.seeds
    )


def _progress(trial: OpenTrial, start: int, rung: int, moves: Moves) -> TrialProgress:
    loss = loss_at(trial, rung, moves)
    taken = rung - start if loss is not None else 0
    return TrialProgress(
        number=trial.spec.number,
        step=rung,
        loss=loss,
        validation_loss=loss,
        diverged=loss is None,
        checkpoint=None
        if loss is None
        else Checkpoint(step=rung, uri=f"file:///{trial.spec.number}-{rung}"),
        curves=(
            Series.of("train_loss", start + 1, [3.0] * taken),
            Series.of("parameter_norm", start + 1, [7.0] * taken),
        ),
    )
