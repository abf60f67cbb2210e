"""The whole of a recommendation, as the service writes it and the library reads it."""

from typing import Any, Final, Literal

from parametrization.check.verdict import CheckVerdict
from parametrization.recommendation.axes import AxesEvidence
from parametrization.recommendation.declared_names import OptimizerName
from parametrization.recommendation.dynamics import DynamicsFindings
from parametrization.recommendation.evidence import NoiseFloor, OptimizerStanding, TransferEvidence
from parametrization.recommendation.record import Record
from parametrization.recommendation.target import Comparison, DatasetFacts, TargetFacts, WholeTarget
from parametrization.recommendation.trust import (
    Axis,
    HyperparameterValue,
    Reason,
    TrainingValue,
    Verdict,
)
from parametrization.recommendation.values import (
    LearningRate,
    ParameterGroup,
    ScheduleValues,
    TensorValues,
    WeightAverage,
)
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from parametrization.scaling.multipliers import Multipliers
from parametrization.shapes.roles import ModelShape

FORMAT: Final = 1
"""Of the documents that are written now. Documents without a `format` are of format 0."""


StoppedBy = Literal["interval", "regret", "gain", "budget", "edge", "grid"]
"""`interval`, `regret`: the target's promised bound is reached. `gain`: more trials would take
little of its uncertainty away. `edge`: the widest width's optimum lies outside of the rates tried.
`grid`: the grid that was planned beforehand is measured."""


class MeasuringEnd(Record):
    """The reason that the measurement over widths took no more trials."""

    stopped_by: StoppedBy
    trials: int
    """Of this optimizer's measurement."""
    words: str


class TuningCost(Record):
    """Floating-point operations of every trial and look so far, and of the target's training."""

    trials: int
    tuning_flops: float
    target_parameters: int
    target_tokens: int
    """Images, for models that see images."""
    target_flops: float
    share_percent: float
    """Tuning over target."""
    how: str
    measuring_end: MeasuringEnd | None = None
    """Null before the measurement has ended, and in answers of releases that did not say."""


class Provenance(Record):
    """The inputs that the answer was computed from."""

    study_id: str
    spec_sha256: str
    """Of the stored spec as canonical JSON."""
    evidence_sha256: str
    """Of the number, state and value of every trial."""
    data_sha256: str | None
    """Of everything that the proxies' batches were made of; null for studies of releases that did
    not store it."""
    rule_version: str
    plugin: str | None
    """Package and version that the optimizer comes from; null if it is built in."""
    prior: str | None = None
    """The study around whose optimum the search began; null where there is none."""
    seeds: tuple[int, ...]
    """Seeds of the trials with a result."""
    trials: int


class RecommendationDocument(Record):
    """Hyperparameters for one target, how they were found, and whether to trust them."""

    format: int = FORMAT
    """Of this document; `parametrization/recommendation/reading.py` reads older ones."""
    headline: str
    """Verdict, optimizer, target and the peak learning rates of its tensors, in one sentence."""
    study_id: str
    state: str
    """Of the study: `completed` once nothing will change any more."""
    provisional: bool
    """The study has not completed: the answer may still move."""
    verdict: Verdict
    reasons: tuple[Reason, ...]
    """Against trusting it, the weakest axis first; empty if the verdict is `recommend`.

    Until the study has ended, what speaks against it so far."""
    optimizer: OptimizerName
    parametrization: Parametrization
    family: Any
    """Name and options of the model's family, as the catalogue of the service describes them."""
    dataset: DatasetFacts | None = None
    """Data that the family's first and last layer fit; null for a user's own model."""
    policies: Policies
    width: int
    """The target's."""
    target: WholeTarget
    described: TargetFacts | None = None
    """Of a target that was given by a configuration: every tensor then grows by factors of its own,
    and `base_shapes` are the study's by the target's names."""
    base_width: int
    """Width at which every multiplier is 1."""
    base_depth: int
    """The proxies'."""
    width_multiplier: float
    multipliers: Multipliers
    """Target over base as the rules were applied: 1 along an axis that is not transferable."""
    residual_multiplier: float
    """Factor on every residual branch of the target: x + residual_multiplier * f(x)."""
    learning_rate: LearningRate
    base_hyperparameters: dict[str, float]
    """At the base (the base width with the proxies' depth, batch and tokens): everything that
    `parametrization` needs."""
    hyperparameters: tuple[HyperparameterValue, ...]
    """The same, with origin and basis."""
    searched_training: tuple[TrainingValue, ...] = ()
    """Fields of training that were searched, which `schedule`, the fields of clipping and
    `weight_average` hold; empty where none was."""
    gradient_clip_norm: float | None
    """On the global norm; constant in width while the readout's multiplier stays in the forward."""
    gradient_clip_value: float | None = None
    """Largest size of an entry of the gradient, where it is clipped by value."""
    gradient_clip_percentile: float | None = None
    """Of the norms of the 512 updates before, at which the global norm is clipped."""
    weight_average: WeightAverage | None = None
    """None where the trained weights themselves are evaluated."""
    groups: tuple[ParameterGroup, ...]
    tensors: tuple[TensorValues, ...]
    schedule: ScheduleValues
    axes: tuple[Axis, ...]
    extrapolated_drift_octaves: float | None
    """Drift from the nearest measured width to the target."""
    compared_by: Comparison
    """The measure of every loss here."""
    evidence: TransferEvidence
    measured_axes: AxesEvidence | None = None
    """Results of a sweep over depth, batch and tokens; null where the study ran none."""
    control: TransferEvidence | None
    """The same under the standard parametrization, if the study ran it."""
    check: CheckVerdict | None
    noise_floor: NoiseFloor | None = None
    """Smaller differences of loss mean nothing; null where the service's own workers trained, which
    repeat a trial bit by bit."""
    dynamics: DynamicsFindings | None = None
    """Curvature and noise along the winner's training; null where the study did not ask for it."""
    optimizers: tuple[OptimizerStanding, ...]
    """Standings, best first, once every optimizer of the study is measured."""
    cost: TuningCost
    provenance: Provenance
    base_shapes: ModelShape
    """The target's tensors at the base width, those of all its blocks: what applying it to a model
    takes beside the numbers above."""
