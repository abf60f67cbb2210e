"""Keep the latest cohort open between orders: it is stacked, and recorded on a GPU, once."""

from collections.abc import Sequence

from workers.cohort.cohort import Cohort
from workers.training.trial import RunningTrial


class KeptCohort:
    """Keeps one cohort at most, closed before anything else trains: its recording holds memory."""

    def __init__(self) -> None:
        self._cohort: Cohort | None = None

    def take(self, trials: Sequence[RunningTrial], *, compiled: bool) -> Cohort | None:
        """The cohort that stands where these trials do, if it is of these; else it is closed.

        Args:
            compiled: whether all of its programs are to be.

        """
        cohort = self._cohort
        if cohort is None or not cohort.stands_with(trials) or cohort.compiled != compiled:
            self.close()
            return None
        self._cohort = None
        cohort.start_segment()
        return cohort

    def keep(self, cohort: Cohort) -> None:
        """Hold it for the next rung if all of its trials go on from there; else close it."""
        going_on = len(cohort.alive) == len(cohort.trials)
        if going_on and not any(trial.is_trained for trial in cohort.trials):
            self._cohort = cohort
        else:
            cohort.close()

    def close(self) -> None:
        """Free what is held."""
        cohort, self._cohort = self._cohort, None
        if cohort is not None:
            cohort.close()
