"""Check that a study has not changed since the client that wants to change it has read it."""

from sqlalchemy.orm import Session

from tuner.records.errors import OtherVersion
from tuner.storage.studies import get_study


def require_version(session: Session, study_id: str, versions: frozenset[int] | None) -> None:
    """Check that the study is in one of these versions; None accepts any version.

    Raises:
        StudyNotFound: if there is none of that id.
        OtherVersion: if it has moved on.

    """
    study = get_study(session, study_id)
    if versions is not None and study.seen_version not in versions:
        raise OtherVersion(study_id, study.state)
