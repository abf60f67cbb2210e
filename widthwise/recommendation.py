"""A recommendation, as the service or a file gives it, applied to the reader's own model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import yaml

from parametrization.optimizers.registry import declared
from parametrization.rules.policies import Policies
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule, ScheduleShape
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.older_tensors import completed_tensor
from parametrization.shapes.roles import Axes, ModelShape, Role, TensorShape
from widthwise.errors import WidthwiseError

if TYPE_CHECKING:
    from torch import nn

    from parametrization.nn.apply import Prepared


_LATER: Final = (
    "in_block",
    "taps",
    "tied",
    "zero",
    "is_table",
    "kept",
    "start_exponent",
)
"""Fields of a tensor that older documents lack."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What training one target takes.

    Attributes:
        verdict: `recommend`, `caution` or `abstain`; `in_progress` until the study has ended.
        abstains: whether a reason is one to abstain for.
        reasons: against trusting it, in words, the weakest axis first.
        width: of the target.
        hyperparameters: at the base width, depth, batch and tokens.
        shape: the target's tensors, all of them, at the base width.
        steps: updates of the target's training, which the schedule spans.
        gradient_clip_norm: largest global norm of the gradient; None: it is not clipped.
        multipliers: target over base, along every axis that the rules carry numbers along.
        policies: which rules do so.

    """

    verdict: str
    abstains: bool
    reasons: tuple[str, ...]
    optimizer: str
    width: int
    hyperparameters: Mapping[str, float]
    shape: ModelShape
    schedule: Schedule
    steps: int
    gradient_clip_norm: float | None
    multipliers: Multipliers
    policies: Policies

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """A recommendation from the service's JSON object, as `Client.recommendation` returns it.

        Raises:
            WidthwiseError: if the document is not a recommendation.

        """
        try:
            return cls(
                verdict=str(document["verdict"]),
                abstains=any(r["severity"] == "abstain" for r in document["reasons"]),
                reasons=tuple(str(reason["words"]) for reason in document["reasons"]),
                optimizer=declared(document["optimizer"]).name,
                width=int(document["width"]),
                hyperparameters={
                    name: float(value) for name, value in document["base_hyperparameters"].items()
                },
                shape=_shape(document["base_shapes"]),
                schedule=_schedule(document["schedule"]),
                steps=int(document["schedule"]["steps"]),
                gradient_clip_norm=document["gradient_clip_norm"],
                multipliers=_multipliers(document),
                policies=Policies(**document.get("policies", {})),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problem = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise WidthwiseError(f"this is not a recommendation: {problem}") from error

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """A recommendation from a file that `widthwise recommend --format json|yaml` wrote.

        Raises:
            WidthwiseError: if the file cannot be read or holds something else.

        """
        try:
            text = Path(path).read_text(encoding="utf-8")
            document = json.loads(text) if Path(path).suffix == ".json" else yaml.safe_load(text)
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise WidthwiseError(f"cannot read a recommendation from {path}: {error}") from error
        return cls.from_document(document)

    def scalings(self) -> tuple[TensorScaling, ...]:
        """The numbers of every tensor of the target."""
        return scale(
            self.shape,
            self.hyperparameters,
            self.multipliers,
            optimizer=self.optimizer,
            policies=self.policies,
        )

    def apply(
        self,
        model: "nn.Module",
        *,
        seed: int = 0,
        steps: int | None = None,
        despite_abstain: bool = False,
    ) -> "Prepared":
        """Initialise the model, set its multipliers, build its optimizer and its LambdaLR.

        Args:
            model: of the target's width and depth, its output layer a
                `parametrization.nn.layers.Readout`. Where the target is deeper than the proxies,
                its residual branches are in `layers.Residual`, or added by
                `layers.ResidualSum.plus`.
            steps: of training; default: the target's. The schedule keeps its fractions; the rates
                are those of the target's tokens, whatever is given here.
            despite_abstain: use numbers that the service itself would not trust.

        Raises:
            WidthwiseError: if a reason is one to abstain for, whether or not the study has ended.
            ValueError: if the model is not the one that was tuned, at the target's width and depth,
                or if it has no residual branches to multiply.

        """
        from parametrization.nn.apply import apply

        if self.abstains and not despite_abstain:
            raise WidthwiseError(
                f"the verdict is {self.verdict}: {'; '.join(self.reasons)}."
                " Pass despite_abstain=True to use the numbers all the same."
            )
        return apply(
            model,
            self.shape,
            self.hyperparameters,
            self.multipliers,
            optimizer=self.optimizer,
            schedule=self.schedule,
            steps=self.steps if steps is None else steps,
            seed=seed,
            policies=self.policies,
        )


def _multipliers(document: Mapping[str, Any]) -> Multipliers:
    """A document from before targets had a depth, batch and tokens moves width alone."""
    given = document.get("multipliers", {"width": document["width_multiplier"]})
    return Multipliers(**{name: float(value) for name, value in given.items()})


def _shape(document: Mapping[str, Any]) -> ModelShape:
    return ModelShape(
        base_width=int(document["base_width"]),
        tensors=tuple(_tensor(completed_tensor(tensor)) for tensor in document["tensors"]),
    )


def _tensor(document: Mapping[str, Any]) -> TensorShape:
    return TensorShape(
        name=document["name"],
        role=Role(document["role"]),
        base_shape=tuple(document["base_shape"]),
        infinite=tuple(document["infinite"]),
        fan_in_axis=_axes(document["fan_in_axis"]),
        fan_out_axis=_axes(document["fan_out_axis"]),
        constant=document["constant"],
        stacked_axes=tuple(document["stacked_axes"]),
        **{name: document[name] for name in _LATER if name in document},
    )


def _axes(stored: int | list[int] | None) -> Axes:
    return tuple(stored) if isinstance(stored, list) else stored


def _schedule(document: Mapping[str, Any]) -> Schedule:
    fractions = ("warmup_fraction", "decay_fraction", "final_fraction")
    return Schedule(
        ScheduleShape(document["shape"]), *(float(document[name]) for name in fractions)
    )
