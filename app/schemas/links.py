"""Define the links of a study."""

from parametrization.recommendation.record import Record


class StudyLinks(Record):
    """Paths on this host."""

    self: str
    page: str
    """For people, in a browser."""
    trials: str
    curves: str
    coordinate_check: str
    sensitivity: str
    recommendation: str
    events: str


def study_links(study_id: str) -> StudyLinks:
    """Links of one study."""
    own = f"/v1/studies/{study_id}"
    return StudyLinks(
        self=own,
        page=f"/studies/{study_id}",
        trials=f"{own}/trials",
        curves=f"{own}/curves",
        coordinate_check=f"{own}/coordinate-check",
        sensitivity=f"{own}/sensitivity",
        recommendation=f"{own}/recommendation",
        events=f"{own}/events",
    )
