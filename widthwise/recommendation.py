"""A recommendation of the service or of a file, applied to a user's own model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

from parametrization.optimizers.registry import declared
from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.reading import read_recommendation
from parametrization.recommendation.target import WholeTarget
from parametrization.recommendation.trust import Axis, Verdict
from parametrization.recommendation.values import LearningRate, ParameterGroup, TensorValues
from parametrization.rules.policies import Policies
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import ModelShape
from widthwise.errors import WidthwiseError

if TYPE_CHECKING:
    from torch import nn

    from parametrization.nn.apply import Prepared


def read_document(path: str | Path) -> Any:  # noqa: ANN401  whatever the file holds
    """The contents of a JSON or YAML file.

    Raises:
        WidthwiseError: if it cannot be read.

    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        return json.loads(text) if Path(path).suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise WidthwiseError(f"cannot read a recommendation from {path}: {error}") from error


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Hyperparameters, schedule and evidence for training one target.

    Attributes:
        document: the service's whole answer, as records.

    """

    document: RecommendationDocument

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """A recommendation from the service's JSON object, as `Client.recommendation` returns it.

        Documents of older releases are read too.

        Raises:
            WidthwiseError: if the document is not a recommendation, or its optimizer is one that
                no package here declares.

        """
        try:
            read = read_recommendation(document)
            declared(read.optimizer)
        except ValueError as error:
            raise WidthwiseError(f"this is not a recommendation: {error}") from error
        return cls(read)

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """A recommendation from a file that `widthwise recommend --format json|yaml` wrote.

        Raises:
            WidthwiseError: if the file cannot be read or holds something else.

        """
        return cls.from_document(read_document(path))

    @property
    def verdict(self) -> Verdict:
        """`recommend`, `caution` or `abstain`; `in_progress` until the study has ended."""
        return self.document.verdict

    @property
    def abstains(self) -> bool:
        """True if a reason is one to abstain for."""
        return any(reason.severity == "abstain" for reason in self.document.reasons)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Reasons against trusting it, in words, the weakest axis first."""
        return tuple(reason.words for reason in self.document.reasons)

    @property
    def optimizer(self) -> str:
        """The leading optimizer's name; `tensors` names the others that train some tensors."""
        return self.document.optimizer

    @property
    def target(self) -> WholeTarget:
        """The model and the run that it is for."""
        return self.document.target

    @property
    def width(self) -> int:
        """Width of the target."""
        return self.document.width

    @property
    def learning_rate(self) -> LearningRate:
        """The rate at the base, with its interval; `groups` and `tensors` have the target's."""
        return self.document.learning_rate

    @property
    def groups(self) -> tuple[ParameterGroup, ...]:
        """Tensors of the target that share their optimizer settings."""
        return self.document.groups

    @property
    def tensors(self) -> tuple[TensorValues, ...]:
        """The target's numbers, like tensors of all blocks together."""
        return self.document.tensors

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Evidence and rules of the transfer along width, depth, batch and tokens."""
        return self.document.axes

    @property
    def hyperparameters(self) -> Mapping[str, float]:
        """The hyperparameters at the base width, depth, batch and tokens."""
        return self.document.base_hyperparameters

    @property
    def shape(self) -> ModelShape:
        """The target's tensors, all of them, at the base width."""
        return self.document.base_shapes

    @property
    def schedule(self) -> Schedule:
        """The schedule in fractions of training."""
        return self.document.schedule.form

    @property
    def steps(self) -> int:
        """Updates of the target's training, which the schedule spans."""
        return self.document.schedule.steps

    @property
    def gradient_clip_norm(self) -> float | None:
        """Largest global norm of the gradient; None: it is not clipped."""
        return self.document.gradient_clip_norm

    @property
    def average_decay(self) -> float | None:
        """Decay of the average of the weights; None: there is no average."""
        average = self.document.weight_average
        return None if average is None else average.decay

    @property
    def multipliers(self) -> Multipliers:
        """Target over base, along every axis that the rules carry numbers along."""
        return self.document.multipliers

    @property
    def policies(self) -> Policies:
        """The policies that chose among rules."""
        return self.document.policies

    def scalings(self) -> tuple[TensorScaling, ...]:
        """The numbers of every tensor of the target."""
        return scale(
            self.shape,
            self.hyperparameters,
            self.multipliers,
            optimizer=self.optimizer,
            policies=self.policies,
            target_shapes=self._target_shapes,
        )

    @property
    def _target_shapes(self) -> Mapping[str, tuple[int, ...]] | None:
        """Shapes by name of a target that a configuration described; None of any other."""
        if self.document.described is None:
            return None
        return {name: row.shape for row in self.document.tensors for name in row.names}

    def build(self, *, device: str = "cpu") -> "nn.Module":
        """The target's model, where the study was of a built-in family: to be given to `apply`.

        Args:
            device: where its tensors lie; `meta` for a model too large for one process.

        Raises:
            WidthwiseError: if the family is not built in, or the recommendation does not say what
                data its input and output layers are made for.

        """
        from parametrization.nn.models.build import build_family

        data, target = self.document.dataset, self.target
        if data is None:
            raise WidthwiseError(
                "the recommendation names no data that its model is made for: build your own model"
                " of the target's width and depth, or ask the service for it again"
            )
        try:
            return build_family(
                self.document.family,
                data.model_dump(),
                width=target.width,
                depth=target.depth,
                device=device,
            )
        except ValueError as error:
            raise WidthwiseError(str(error)) from error

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
            despite_abstain: use the numbers in spite of a verdict `abstain`.

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
            target_shapes=self._target_shapes,
        )
