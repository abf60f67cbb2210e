"""Answers of all completed studies for one target."""

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Query

from app.dependencies import Db
from app.routes.comparing.answered import answered
from app.schemas.texts import AskedBatchSize, AskedDepth, AskedTokens, AskedWidth
from parametrization.recommendation.record import Record
from tuner.recommendation.comparing.answers import AnswerInShort
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.requested_target import AskedTarget
from tuner.spec.states import StudyState
from tuner.spec.study_fields import LabelText, ProjectName
from tuner.storage import study_list
from tuner.storage.evidence import read_summary
from tuner.storage.study_list import StudyFilter

router = APIRouter(prefix="/v1", tags=["recommendation"])


class FoundAnswer(Record):
    study_id: str
    study_name: str
    project: str
    family: str
    dataset: str
    finished_at: dt.datetime | None
    answer: AnswerInShort | None
    problem: str | None
    """The reason why the study has no answer for the target, in words; null if it has one."""


class FoundAnswers(Record):
    answers: tuple[FoundAnswer, ...]
    """Answers, those of the studies submitted last first."""
    next_page_token: str | None


@router.get("/recommendations:search")
def search_recommendations(  # noqa: PLR0913  # one query parameter each
    database: Db,
    family: Annotated[LabelText | None, Query(description="Of the studies' model")] = None,
    optimizer: Annotated[
        Optimizer | None, Query(description="To answer for; only studies that tuned it")
    ] = None,
    project: Annotated[ProjectName | None, Query(description="Empty: those of none")] = None,
    width: Annotated[
        AskedWidth | None, Query(description="Of the target; default: each's own")
    ] = None,
    depth: Annotated[AskedDepth | None, Query()] = None,
    batch_size: Annotated[AskedBatchSize | None, Query()] = None,
    tokens: Annotated[AskedTokens | None, Query()] = None,
    page_size: Annotated[int, Query(ge=1, le=100)] = 20,
    page_token: Annotated[str | None, Query(max_length=500)] = None,
) -> FoundAnswers:
    """Answers of all completed studies that have searched, for one target; nothing is stored.

    Tune once, ask later: studies that fit the filters, newest first. Go on with `next_page_token`
    and the same parameters.
    """
    asked = AskedTarget(
        width=width, depth=depth, batch_size=batch_size, tokens=tokens, optimizer=optimizer
    )
    with database.read() as session:
        page = study_list.list_studies(
            session,
            state=StudyState.COMPLETED,
            wanted=StudyFilter(
                project=project, family=family, optimizer=optimizer, only_checks=False
            ),
            page_size=page_size,
            page_token=page_token,
        )
        known = [read_summary(session, study) for study in page.studies]
    return FoundAnswers(
        answers=tuple(
            FoundAnswer(
                study_id=study.id,
                study_name=study.spec.name,
                project=study.current_project,
                family=study.spec.family.name,
                dataset=study.spec.dataset.name,
                finished_at=study.finished_at,
                **answered(study, summary, asked)._asdict(),
            )
            for study, summary in zip(page.studies, known, strict=True)
        ),
        next_page_token=page.next_page_token,
    )
