"""The numbers of a target: per tensor, per group of equal tensors, and over training."""

from dataclasses import fields
from typing import Final

from pydantic import Field

from parametrization.recommendation.declared_names import OptimizerName, ShapeName
from parametrization.recommendation.record import Record
from parametrization.scaling.schedule import Schedule
from parametrization.shapes.roles import Role

_FORM: Final = tuple(one.name for one in fields(Schedule))


class RateQuantile(Record):
    """One point of the predictive distribution of the best learning rate at the base."""

    probability: float
    """Probability that the best rate is no larger."""
    learning_rate: float


class PredictedLoss(Record):
    """Expected loss at the end of the target's training.

    It is what trials of the study are compared by, at the target's width and the proxies' depth,
    batch and tokens.
    """

    value: float
    """At the best rate of that width."""
    low: float
    high: float
    """End of the interval, which spans how quickly losses were seen to level off with width."""
    at_recommended_rate: float | None = None
    """At the rate that is recommended: dearer by the predicted regret. None without that, and in
    answers of releases that did not say."""

    @property
    def words(self) -> str:
        """The same for people.

        >>> PredictedLoss(value=2.5, low=2.4, high=2.6, at_recommended_rate=2.52).words
        '2.5 at the best rate, from 2.4 to 2.6; 2.52 at the recommended one'
        """
        best = f"{self.value:.4g} at the best rate, from {self.low:.4g} to {self.high:.4g}"
        if self.at_recommended_rate is None:
            return best
        return f"{best}; {self.at_recommended_rate:.4g} at the recommended one"


class LearningRate(Record):
    """Peak learning rate at the base, from which the rules compute those of the target's `groups`.

    The base is the base width with the proxies' depth, batch and tokens.
    """

    value: float
    low: float
    high: float
    """End of the interval."""
    log2: float
    half_width_octaves: float
    """Half of the interval, in octaves."""
    confidence: float
    """Level of the interval, between 0 and 1."""
    quantiles: tuple[RateQuantile, ...] = ()
    """Of the whole predictive distribution, ascending; empty until a curve is fitted, and in
    answers of releases that did not say."""
    predicted_loss: PredictedLoss | None = None
    """At the target, trained at this rate; None until two widths are measured, and where the target
    also differs from the proxies in depth, batch or tokens."""
    predicted_regret_percent: float | None
    """Loss that the rate's uncertainty is expected to cost; None until a curve is fitted."""
    digits: int
    """Significant digits that the interval justifies, of this rate and of those of `groups`."""
    words: str
    """The rate and its interval, and what the base is."""

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends, at the level `confidence`."""
        return self.low, self.high


class TensorValues(Record):
    """Every number of one tensor, or of the like tensors of all blocks, for the target."""

    pattern: str
    """The parameter's name; `*` stands for the block numbers where `names` are several."""
    names: tuple[str, ...]
    """The parameters, by their names in `named_parameters()`."""
    role: Role
    shape: tuple[int, ...]
    init_std: float | None
    """Of a zero-mean normal draw; None where every entry starts at `constant`."""
    constant: float | None
    """None too where the model's own start is kept."""
    multiplier: float
    """Factor on the layer's input in the forward pass; 1 everywhere but at readouts."""
    learning_rate: float
    weight_decay: float
    """As torch takes it: multiplied by the learning rate."""
    epsilon: float | None
    optimizer: OptimizerName
    """The optimizer that trains it."""
    others: dict[str, float]
    """Further hyperparameters of its update, for the target."""
    reason: str
    """The rule in words."""


class ParameterGroup(Record):
    """Tensors of one role that share their optimizer settings: one group for torch.optim."""

    optimizer: OptimizerName
    role: Role
    learning_rate: float
    """Peak of the schedule."""
    learning_rate_multiplier: float
    """Over the optimizer's rate at the base."""
    weight_decay: float
    epsilon: float | None
    beta1: float | None
    beta2: float | None
    momentum: float | None
    others: dict[str, float]
    """Further hyperparameters of the update."""
    patterns: tuple[str, ...]


class WeightAverage(Record):
    """An exponential moving average of the weights, with which the model is evaluated."""

    fraction: float
    """Its memory as a share of training."""
    decay: float
    """Share of it that one update of the target keeps: exp(-1 / (fraction x steps))."""


class SchedulePoint(Record):
    step: int
    """Number of the update, from 0."""
    fraction: float
    """Share of training done before it."""
    factor: float
    """On every group's peak learning rate."""
    learning_rate: float
    """Of the parameter group that the schedule names by `group`."""
    batch_size: int | None = None
    """Examples of the update; null in answers of releases whose batches did not grow."""
    tokens: int | None = None
    """Seen before the update; null in those too."""


class ScheduleValues(Record):
    """The schedule in fractions of training, and drawn out for the target's number of steps."""

    shape: ShapeName
    steps: int
    """Of the target."""
    warmup_fraction: float
    decay_fraction: float
    """Share of training spent decaying; read by the shapes `wsd` and `wsd_sqrt` alone."""
    final_fraction: float
    warmup_min_steps: int = 0
    """The warm-up is never shorter than this many updates."""
    numbers: dict[str, float] = Field(default={})
    """Of the shape itself."""
    batch_warmup_fraction: float = 0.0
    """Share of training over which the batch grows to its full size."""
    batch_start_fraction: float = 0.125
    """Share of the full batch that its warm-up starts from."""
    plugin: str | None = None
    """Package and version that the shape comes from; null where it is built in."""
    group: int
    """Index in the recommendation's `groups` of the one whose learning rate the preview shows: the
    first of hidden tensors, or the first of all if there is none."""
    preview: tuple[SchedulePoint, ...]
    """At most 101 updates, the first and the last among them."""

    @property
    def form(self) -> Schedule:
        """The schedule without the target's steps.

        Raises:
            ValueError: if its shape is of a package that is not installed here.

        """
        return Schedule(**{name: getattr(self, name) for name in _FORM})
