"""A recommendation, as the service or a file gives it, applied to the reader's own model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

from parametrization.companions import scale_led_model
from parametrization.roles import ModelShape, Role, TensorShape
from parametrization.rules import Optimizer, Parametrization
from parametrization.scaling import TensorScaling
from parametrization.schedules import ScheduleShape
from widthwise.errors import WidthwiseError

if TYPE_CHECKING:
    from torch import nn

    from parametrization.apply import Prepared


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What training one target takes.

    Attributes:
        verdict: `recommend`, `caution` or `abstain`.
        reasons: against trusting it, in words, the weakest axis first.
        width: of the target.
        hyperparameters: at the base width.
        shape: base shapes of the model's tensors.
        schedule: `shape`, `steps`, `warmup_fraction`, `decay_fraction`, `final_fraction`.
        gradient_clip_norm: largest global norm of the gradient; None: it is not clipped.

    """

    verdict: str
    reasons: tuple[str, ...]
    optimizer: Optimizer
    width: int
    hyperparameters: Mapping[str, float]
    shape: ModelShape
    schedule: Mapping[str, Any]
    gradient_clip_norm: float | None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """A recommendation from the service's JSON object, as `Client.recommendation` returns it.

        Raises:
            WidthwiseError: if the document is not a recommendation.

        """
        try:
            return cls(
                verdict=str(document["verdict"]),
                reasons=tuple(str(reason["words"]) for reason in document["reasons"]),
                optimizer=Optimizer(document["optimizer"]),
                width=int(document["width"]),
                hyperparameters={
                    name: float(value) for name, value in document["base_hyperparameters"].items()
                },
                shape=_shape(document["base_shapes"]),
                schedule=_schedule(document["schedule"]),
                gradient_clip_norm=document["gradient_clip_norm"],
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
        """The numbers of every tensor at the target's width."""
        return scale_led_model(
            self.shape,
            optimizer=self.optimizer,
            parametrization=Parametrization.MUP,
            hyperparameters=self.hyperparameters,
            width=self.width,
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
            model: of the target's width, its output layer a `parametrization.layers.Readout`.
            steps: of training; default: the proxies'. The schedule keeps its fractions; that the
                learning rate holds for another number of steps was not measured.
            despite_abstain: use numbers that the service itself would not trust.

        Raises:
            WidthwiseError: if the verdict is `abstain`.
            ValueError: if the model is not the one that was tuned, at the target's width.

        """
        from parametrization.apply import apply
        from parametrization.param_groups import Schedule

        if self.verdict == "abstain" and not despite_abstain:
            raise WidthwiseError(
                f"the verdict is abstain: {'; '.join(self.reasons)}."
                " Pass despite_abstain=True to use the numbers all the same."
            )
        return apply(
            model,
            self.shape,
            optimizer=self.optimizer,
            hyperparameters=self.hyperparameters,
            width=self.width,
            schedule=Schedule(**{**self.schedule, **({} if steps is None else {"steps": steps})}),
            seed=seed,
        )


def _shape(document: Mapping[str, Any]) -> ModelShape:
    return ModelShape(
        base_width=int(document["base_width"]),
        tensors=tuple(
            TensorShape(
                name=tensor["name"],
                role=Role(tensor["role"]),
                base_shape=tuple(tensor["base_shape"]),
                infinite=tuple(tensor["infinite"]),
                fan_in_axis=tensor["fan_in_axis"],
                fan_out_axis=tensor["fan_out_axis"],
                constant=tensor["constant"],
                **{name: tensor[name] for name in ("in_block", "taps", "tied") if name in tensor},
            )
            for tensor in document["tensors"]
        ),
    )


def _schedule(document: Mapping[str, Any]) -> dict[str, Any]:
    """The schedule's own fields, without its preview."""
    fractions = ("warmup_fraction", "decay_fraction", "final_fraction")
    return {
        "shape": ScheduleShape(document["shape"]),
        "steps": int(document["steps"]),
        **{name: float(document[name]) for name in fractions},
    }
