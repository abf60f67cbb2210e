"""Start a new study's search from the results of an earlier study."""

from sqlalchemy.orm import Session

from tuner.exchange.seeding import seeds_of
from tuner.records.errors import NoSeeds
from tuner.records.given_points import NewPoint
from tuner.records.snapshot import StudyRecord
from tuner.spec.states import StudyState
from tuner.spec.study import StudySpec
from tuner.storage.changes.given_points import give_points
from tuner.storage.evidence import read_summary
from tuner.storage.studies import get_study


def require_prior(session: Session, spec: StudySpec) -> None:
    """Refuse a prior that cannot seed the study.

    Raises:
        StudyNotFound: if there is none of that id, or it is somebody else's.
        NoSeeds: if it has not completed, or found nothing that the study searches.

    """
    if spec.prior is not None:
        _seeds(session, spec, spec.prior)


def seed_search(session: Session, study: StudyRecord) -> int:
    """Start the study's search around its prior's optimum; return the number of points given.

    Raises:
        StudyNotFound: as `require_prior`.
        NoSeeds: likewise.

    """
    if study.spec.prior is None:
        return 0
    return give_points(session, study.id, _seeds(session, study.spec, study.spec.prior)).new


def _seeds(session: Session, spec: StudySpec, prior_id: str) -> tuple[NewPoint, ...]:
    prior = get_study(session, prior_id)
    if prior.state is not StudyState.COMPLETED:
        raise NoSeeds(prior_id, f"it is {prior.state}: name a completed study")
    if prior.spec.only_checks:
        raise NoSeeds(prior_id, "it is a coordinate check alone: name a study that has searched")
    points = seeds_of(spec, prior_id, prior.spec, read_summary(session, prior))
    if not points:
        tuned = ", ".join(config.name for config in prior.spec.optimizers)
        raise NoSeeds(
            prior_id,
            f"it tuned {tuned}, and no rate that it found for them lies in a range that this study"
            " searches: name another study, widen learning_rate, or leave prior out",
        )
    return points
