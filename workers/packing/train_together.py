"""Train several trials on one device: together where that pays, the others one by one."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import groupby

from tuner.engine.orders import TrialSpec
from tuner.engine.packing import Packing
from workers.cohort.cohort import Advance, Cohort
from workers.cohort.programs import Programs
from workers.cohort.tensor_updates import trains_in_cohorts
from workers.device.gpu_memory import give_back
from workers.device.out_of_memory import is_out_of_memory, naming_what_is_too_large
from workers.packing.kept_cohort import KeptCohort
from workers.training.history import History
from workers.training.trainer import Segment, ended, train_to
from workers.training.trial import RunningTrial

log = logging.getLogger(__name__)


def train_packed(
    trials: Sequence[RunningTrial],
    step: int,
    packing: Packing,
    programs: Programs,
    kept: KeptCohort | None = None,
) -> Iterator[tuple[RunningTrial, Segment]]:
    """Train all of them to `step`, in the order in which they get there.

    A cohort that does not fit into memory goes on in halves from where it was.

    Args:
        kept: of the rung before; afterwards of this one. None to leave nothing open.

    Raises:
        OutOfMemory: if even one trial alone does not fit.

    """
    if kept is None:
        with closing(KeptCohort()) as own:
            yield from train_packed(trials, step, packing, programs, own)
        return
    waiting = list(_chunks(trials, packing))
    history = {trial.spec.number: History() for trial in trials}
    while waiting:
        members = waiting.pop(0)
        alone = trains_alone(members[0].spec) or len(members) < packing.least
        if packing.way == "solo" or alone:
            kept.close()
            for trial in members:
                yield trial, _alone(trial, step, history[trial.spec.number])
            continue
        fits, advances = _together(members, step, packing, programs, kept)
        going_on = []
        for trial, advance in zip(members, advances, strict=True):
            updates = history[trial.spec.number]
            updates.extend(advance.updates.columns)
            if advance.diverged_at is not None or trial.step == step:
                yield trial, _ended(trial, updates, advance.diverged_at, kept)
            else:
                going_on.append(trial)
        parts = [going_on] if fits else _halves(going_on)
        waiting[:0] = [part for part in parts if part]


def trains_alone(spec: TrialSpec) -> bool:
    """True if no cohort can train the trial."""
    training = spec.training
    if spec.model.family.trains_alone:
        return True
    in_parts = training.accumulation > 1 or training.activation_checkpointing
    return in_parts or not trains_in_cohorts(spec.optimizer)


def words(spec: TrialSpec) -> str:
    """The trial, for a person whose memory it does not fit into."""
    return (
        f"trial {spec.number} at width {spec.model.width} (batch size {spec.training.batch_size})"
    )


def _chunks(trials: Sequence[RunningTrial], packing: Packing) -> Iterator[list[RunningTrial]]:
    """Groups of at most `most` trials, those that share their batches together where they can.

    On a GPU as many as there are: there a batch of its own for every trial costs next to nothing.
    """
    for _, alike in groupby(sorted(trials, key=_batch_sizes), key=_batch_sizes):
        ordered = sorted(alike, key=_batch_key)
        if packing.device == "cuda":
            yield from _split(ordered, packing.most)
            continue
        strays: list[RunningTrial] = []
        for _, sharing in groupby(ordered, key=_batch_key):
            members = list(sharing)
            if len(members) < packing.least:
                strays += members
            else:
                yield from _split(members, packing.most)
        yield from _split(strays, packing.most)


def _batch_sizes(trial: RunningTrial) -> tuple[int, list[tuple[int, float]]]:
    """Equal for trials whose batches are equally large at every step that they take together."""
    training = trial.spec.training
    if not training.schedule.grows_batch:
        return -1, []
    return trial.step, training.schedule.batch_stages(training.steps)


def _batch_key(trial: RunningTrial) -> tuple[int, int]:
    return trial.spec.seed, trial.step


def _split(trials: list[RunningTrial], most: int) -> Iterator[list[RunningTrial]]:
    return (trials[first : first + most] for first in range(0, len(trials), most))


def _halves(trials: list[RunningTrial]) -> list[list[RunningTrial]]:
    middle = (len(trials) + 1) // 2
    log.warning("out of memory: %s trials go on, %s at a time", len(trials), middle)
    return [trials[:middle], trials[middle:]]


def _alone(trial: RunningTrial, step: int, before: History) -> Segment:
    with naming_what_is_too_large(words(trial.spec)):
        segment = train_to(trial, step)
    first_step = segment.first_step - len(before)
    before.extend(segment.updates.columns)
    return segment._replace(first_step=first_step, updates=before)


def _ended(
    trial: RunningTrial, updates: History, diverged_at: int | None, kept: KeptCohort
) -> Segment:
    """The trial's segment; where its validation does not fit beside the cohort, without that."""
    try:
        return ended(trial, updates, diverged_at)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    kept.close()
    give_back(trial.device)
    with naming_what_is_too_large(words(trial.spec)):
        return ended(trial, updates, diverged_at)


def _together(
    trials: list[RunningTrial],
    step: int,
    packing: Packing,
    programs: Programs,
    kept: KeptCohort,
) -> tuple[bool, Sequence[Advance]]:
    """Train until the first trial gets to `step` or half have diverged.

    Returns:
        Whether there was memory enough, and what was done until then, trial by trial.

    """
    # A compiled program serves one number of trials, and costs half a minute.
    full = len(trials) == packing.most
    compiled = packing.way == "compiled" and full
    cohort, fits = kept.take(trials, compiled=compiled), True
    try:
        if cohort is None:
            cohort = Cohort(trials, programs, compiled=compiled, compiled_update=full)
        cohort.advance(step - max(trial.step for trial in trials))
    except BaseException as error:
        if cohort is not None:
            cohort.close()
        if not is_out_of_memory(error):
            raise
        fits = False
    done = cohort.advances if cohort is not None else [Advance() for _ in trials]
    if cohort is not None and fits:
        kept.keep(cohort)
    if not fits:
        del cohort
        give_back(trials[0].device)
    return fits, done
