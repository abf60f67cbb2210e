"""Trials of a study as a list, page by page."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy.orm import Session

from parametrization.rules.parametrization import Parametrization
from tuner.records.trials import TrialRecord
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.states import Purpose, TrialState
from tuner.storage.requests import page_tokens
from tuner.storage.sql.tables import TrialRow
from tuner.storage.trials.rows import select_trials, trial_records


class TrialFilter(NamedTuple):
    """The trials to list: each field allows the values it lists, or any if it is empty."""

    state: Sequence[TrialState] = ()
    purpose: Sequence[Purpose] = ()
    optimizer: Sequence[Optimizer] = ()
    parametrization: Sequence[Parametrization] = ()
    width: Sequence[int] = ()


ANY_TRIAL: Final = TrialFilter()


class TrialPage(NamedTuple):
    """A page of trials, by number, and the token of the next page."""

    trials: tuple[TrialRecord, ...]
    next_page_token: str | None


def list_trials(
    session: Session,
    study_id: str,
    *,
    page_size: int,
    page_token: str | None = None,
    wanted: TrialFilter = ANY_TRIAL,
) -> TrialPage:
    """Read a page of a study's trials, by number; an empty one if there is no such study.

    Raises:
        BadPageToken: if the token is not one that this function gave.

    """
    query = select_trials(study_id)
    if page_token is not None:
        query = query.where(TrialRow.number > page_tokens.read_number(page_token))
    for field, values in wanted._asdict().items():
        if values:
            query = query.where(TrialRow.__table__.columns[field].in_(values))
    found = trial_records(session, study_id, query.limit(page_size + 1))
    page = found[:page_size]
    return TrialPage(
        trials=page,
        next_page_token=page_tokens.write_number(page[-1].number)
        if len(found) > page_size
        else None,
    )
