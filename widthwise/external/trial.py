"""A leased trial: its numbers, applied to a user's own model, and the reports about it."""

import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Protocol, Self, TypeAlias

from parametrization.recommendation.trial import TrialNumbers
from parametrization.rules.parametrization import Parametrization
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.schedule import Schedule
from parametrization.scaling.tensor_scaling import TensorScaling
from widthwise.errors import Refused, WidthwiseError

Answer: TypeAlias = Literal["continue", "stop"]
REPORT_SECONDS: Final = 1.0
"""Losses are sent at most so often, but at every rung."""
PATIENCE_SECONDS: Final = 600.0
"""A report is sent again for so long while the service does not answer."""
_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 10.0
_NUMBERS: Final = set(TrialNumbers.model_fields)


class Reporting(Protocol):
    """The client's method that a trial uses."""

    def report(self, order_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a report and return the answer."""


class Trial:
    """A leased trial; a context manager that reports an exception as the trial's failure.

    Attributes:
        document: as the service sent it; docs/external-trainers.md says what it holds.
        number: of the trial within its study.
        width: of the model to train, as `depth`.
        steps: updates of the whole trial, which the schedule spans.
        to_step: the step at which this lease ends.
        rungs: steps at which the trial is compared.
        start_step: 0, or the step of `checkpoint`.
        checkpoint: name that an earlier report gave to its state at `start_step`.
        batch_size: examples of one update.
        seed: of the initial tensors and the data: the same batches at every width.
        hyperparameters: at the base width; `scalings` has every tensor's own.
        has_ended: True if nothing more of it is to be trained now.
        reason: cause of its end: `done`, `diverged`, `failed`, `paused`, `cancelled`, `lost`.

    """

    def __init__(
        self,
        document: Mapping[str, Any],
        client: Reporting | None = None,
        *,
        report_seconds: float = REPORT_SECONDS,
    ) -> None:
        self.document = dict(document)
        self._client = client
        self._report_seconds = report_seconds
        try:
            self._numbers = TrialNumbers.model_validate(
                {name: document[name] for name in _NUMBERS}, extra="ignore"
            )
            self.order: str = document["order"]
            self.attempt: int = document["attempt"]
            self.number: int = document["trial"]
            self.width: int = document["width"]
            self.depth: int = document["depth"]
            self.steps: int = document["steps"]
            self.to_step: int = document["to_step"]
            self.rungs: tuple[int, ...] = tuple(document["rungs"])
            self.start_step: int = document["start_step"]
            self.checkpoint: str | None = document["checkpoint"]
            self.batch_size: int = document["batch_size"]
            self.seed: int = document["seed"]
            self.hyperparameters: dict[str, float] = document["hyperparameters"]
            self.parametrization = Parametrization(document["parametrization"])
        except (KeyError, TypeError, ValueError) as error:
            raise WidthwiseError(f"this is not a leased trial: {error}") from error
        self.has_ended = False
        self.reason: str | None = None
        self._step = self.start_step
        self._unsent: list[float] = []
        self._sent_at = time.monotonic()

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """A trial that another process has leased and written with `to_file`: it cannot report.

        Raises:
            WidthwiseError: if the file cannot be read, or holds something else.

        """
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise WidthwiseError(f"cannot read a trial from {path}: {error}") from error
        if not isinstance(document, dict):
            raise WidthwiseError(f"{path} holds no leased trial")
        return cls(document)

    def to_file(self, path: str | Path) -> None:
        """Write the trial for the other processes of a training, whole or not at all."""
        unfinished = Path(f"{path}.unfinished")
        unfinished.write_text(json.dumps(self.document), encoding="utf-8")
        os.replace(unfinished, path)

    @property
    def optimizer(self) -> str:
        """The name of the leading optimizer."""
        return self._numbers.optimizer

    @property
    def schedule(self) -> Schedule:
        """The schedule in fractions of training."""
        return self._numbers.schedule.form

    @property
    def gradient_clip_norm(self) -> float | None:
        """Largest global norm of the gradient; None: it is not clipped."""
        return self._numbers.gradient_clip_norm

    @property
    def residual_multiplier(self) -> float:
        """Factor on every residual branch."""
        return self._numbers.residual_multiplier

    def scalings(self) -> tuple[TensorScaling, ...]:
        """The numbers of every tensor at the trial's width."""
        return scale(
            self._numbers.base_shapes,
            self.hyperparameters,
            self._numbers.multipliers,
            optimizer=self._numbers.optimizer,
            parametrization=self.parametrization,
            policies=self._numbers.policies,
        )

    def apply(self, model: Any) -> Any:  # noqa: ANN401  torch's, which only trainers need
        """Initialise the model with the trial's seed, and build what trains it.

        Args:
            model: a `torch.nn.Module` of the trial's width and depth; changed in place.

        Returns:
            A `parametrization.nn.apply.Prepared`: `optimizer` and `schedule`.

        Raises:
            ValueError: if the model is not the one whose shapes the study was given.

        """
        import torch

        from parametrization.nn.apply import Prepared
        from parametrization.nn.initialise import set_residual_multipliers
        from parametrization.nn.param_groups import multiplicative_schedule
        from parametrization.nn.start.readouts import draw_start
        from parametrization.nn.stepping import optimizer_for

        scalings = self.scalings()
        draw_start(model, scalings, torch.Generator().manual_seed(self.seed))
        set_residual_multipliers(model, self.residual_multiplier)
        optimizer = optimizer_for(model, scalings)
        return Prepared(
            optimizer, multiplicative_schedule(optimizer, self.schedule, self.steps, model)
        )

    def report(
        self,
        step: int,
        train_loss: float | Sequence[float] = (),
        *,
        validation_loss: float | None = None,
        checkpoint: str | None = None,
    ) -> Answer:
        """Report the progress; the answer `stop` ends the training of this trial.

        Losses are gathered and sent once a second, and at every rung; until they are sent the
        answer is `continue`.

        Args:
            step: updates done in all.
            train_loss: of the updates since the last call: one number for each, or a mean over
                all of them. One that is not finite ends the trial as diverged.
            validation_loss: after `step`; needed at every rung where trials are compared by it.
            checkpoint: your name for the state at `step`; the next lease of the trial has it.

        Raises:
            ValueError: if the losses do not fit the number of updates.
            WidthwiseError: if the service refuses the report, or does not answer for long.

        """
        if self.has_ended:
            return "stop"
        self._gather(step, [train_loss] if isinstance(train_loss, int | float) else train_loss)
        finite = all(map(math.isfinite, self._unsent[-1:]))
        is_due = (
            not finite
            or step in self.rungs
            or step >= self.to_step
            or validation_loss is not None
            or checkpoint is not None
            or time.monotonic() - self._sent_at >= self._report_seconds
        )
        if not is_due:
            return "continue"
        body: dict[str, Any] = {"train_loss": [_finite(loss) for loss in self._unsent]}
        if validation_loss is not None:
            if math.isfinite(validation_loss):
                body["validation_loss"] = validation_loss
            else:
                body["diverged"] = True
        if checkpoint is not None:
            body["checkpoint"] = checkpoint
        return self._send(body)

    def heartbeat(self) -> Answer:
        """Renew the lease while no update ends, as during a long evaluation."""
        return self._send({"train_loss": [_finite(loss) for loss in self._unsent]})

    def fail(self, message: str) -> None:
        """Give the trial up: it ends as failed, and is not trained again."""
        self._send({"failed": message[:2_000]})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, Exception) and not self.has_ended and self._client is not None:
            self.fail(f"{type(error).__name__}: {error}")

    def _gather(self, step: int, losses: Sequence[float]) -> None:
        updates = step - self._step
        if updates < 0:
            raise ValueError(f"step {step} is before step {self._step}, which was reported")
        if losses and updates % len(losses):
            raise ValueError(
                f"{len(losses)} losses cannot stand for the {updates} updates since step"
                f" {self._step}: give one for each, or their mean"
            )
        for loss in losses:
            self._unsent += [float(loss)] * (updates // len(losses))
        self._step = step

    def _send(self, body: dict[str, Any]) -> Answer:
        if self._client is None:
            raise WidthwiseError(
                "this trial was read from a file: the process that leased it reports"
            )
        whole = {"attempt": self.attempt, "step": self._step} | body
        try:
            answer = self._answer(self._client, whole)
        except Refused as error:
            if error.status != 409:  # another trainer has it by now
                raise
            answer = {"answer": "stop", "reason": "lost"}
        self._unsent.clear()
        self._sent_at = time.monotonic()
        if answer["answer"] == "continue":
            return "continue"
        self.has_ended, self.reason = True, answer["reason"]
        return "stop"

    def _answer(self, client: Reporting, body: dict[str, Any]) -> dict[str, Any]:
        """Send until it is answered: a service that restarts must not end a training."""
        deadline, pause = time.monotonic() + PATIENCE_SECONDS, _FIRST_PAUSE_SECONDS
        while True:
            try:
                return client.report(self.order, body)
            except WidthwiseError as error:
                if not error.is_temporary or time.monotonic() + pause > deadline:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _finite(loss: float) -> float | None:
    """None where JSON has no number for it."""
    return loss if math.isfinite(loss) else None
