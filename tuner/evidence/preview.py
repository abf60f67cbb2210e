"""Records of a preview: trials, cost and expected uncertainty of a study before it starts."""

from parametrization.recommendation.record import Record
from tuner.evidence.planned import PlannedCheck
from tuner.spec.axes.cell import Cell
from tuner.spec.states import Purpose
from tuner.spec.study import StudySpec


class PlannedTrials(Record):
    """Trials of one purpose at one width."""

    purpose: Purpose
    width: int
    cell: Cell | None = None
    """Depth, batch and duration; null if they are the study's own."""
    trials: int
    steps: int
    """Updates of each trial."""
    parameters: int | None
    """Parameters of its model; null where that is not known before one is built."""
    flops: float | None
    """Of all these trials."""


class MeasuredSpeed(Record):
    """Speed at which trials of a width have trained on this service."""

    family: str
    width: int
    flops_per_second: float
    """Of one slot."""


class PlannedTime(Record):
    """Time that a study would take on slots of known speed."""

    slots: int
    slot_seconds: float
    """Of all trials."""
    seconds: float
    """On all slots at once, if nothing else runs on them: batches that wait for each other take
    longer."""
    cost: float | None = None
    """Of all trials' slot hours; null where an hour has no price."""
    words: str
    """The measured speeds that the estimate rests on."""


class PlannedInterval(Record):
    """Expected uncertainty of the learning rate at the target's width."""

    octaves: float
    """Between the ends of the 90 % interval."""
    words: str


class PreviewWords(Record):
    """The preview's figures as text."""

    trials: str
    flops: str
    """Of all trials."""
    share: str
    """Of the trials in training the target once."""
    time: str
    """On all slots at once."""
    interval: str


class Preview(Record):
    """Trials, cost and expected uncertainty of a study; nothing is stored."""

    spec: StudySpec
    """With every default filled in, as it would be stored."""
    trials: int
    planned: tuple[PlannedTrials, ...]
    checks: tuple[PlannedCheck, ...]
    """The coordinate check, by optimizer and width."""
    dynamics_flops: float | None = None
    """Of measuring the winners' dynamics; null if the study asks for none, or sizes are unknown."""
    tuning_flops: float | None
    """Of all trials and the dynamics, or of the check where nothing else runs; null where the
    model's size is not known."""
    target_parameters: int | None
    target_flops: float | None
    """Of one training of the target."""
    share_percent: float | None
    """`tuning_flops` in percent of `target_flops`."""
    time: PlannedTime | None
    """Null if no trial of the family has trained here yet, or there are no slots."""
    interval: PlannedInterval | None
    """Null where nothing is searched."""
    how: str
    """The formula of the FLOPs, and what they leave out."""
    notes: tuple[str, ...]
    """Figures that are missing, each with the reason."""
    abstains: tuple[str, ...] = ()
    """Reasons that the answer for the target will abstain, whatever the trials show."""
    words: PreviewWords
