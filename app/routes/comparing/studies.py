"""Studies side by side: in what they were asked for otherwise, and what each answers."""

import datetime as dt
from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.exceptions import RequestValidationError
from pydantic import Field

from app.dependencies import Db, Verdicts
from app.routes.comparing.answered import answered
from app.schemas.studies import StudySummary, study_summary
from app.schemas.texts import AskedBatchSize, AskedDepth, AskedTokens, AskedWidth
from app.standings.standing import read_standing
from parametrization.recommendation.record import Record
from tuner.recommendation.comparing.answers import AnswerInShort, RateChange, rate_change
from tuner.recommendation.comparing.spec_differences import Difference, differences
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.requested_target import AskedTarget
from tuner.storage.evidence import read_summary
from tuner.storage.studies import get_study

router = APIRouter(prefix="/v1", tags=["studies"])

MOST: Final = 10
"""Studies at once."""
_ID: Final = r"[A-Za-z0-9_-]{1,64}"
AskedIds = Annotated[str, Field(max_length=700, pattern=f"^{_ID}(,{_ID})*$")]


class Compared(Record):
    """One of the studies."""

    study: StudySummary
    answer: AnswerInShort | None
    """Answer for the target that is asked for, or for its own; null if it has none."""
    problem: str | None
    """The reason why it has no answer, in words; null if it has one."""
    change: RateChange | None
    """Change of its learning rate from that of the first study; null without both answers."""


class Comparison(Record):
    studies: tuple[Compared, ...]
    """As they were asked for; the first is what others are compared to."""
    differences: tuple[Difference, ...]
    """Fields in which their specifications differ, but for names, labels, project and priority."""


@router.get("/studies:compare")
def compare_studies(  # noqa: PLR0913  # one query parameter each
    database: Db,
    verdicts: Verdicts,
    ids: Annotated[
        list[AskedIds],
        Query(min_length=1, max_length=MOST, description="Two to ten studies, between commas"),
    ],
    width: Annotated[AskedWidth | None, Query(description="Of one target for all")] = None,
    depth: Annotated[AskedDepth | None, Query()] = None,
    batch_size: Annotated[AskedBatchSize | None, Query()] = None,
    tokens: Annotated[AskedTokens | None, Query()] = None,
    optimizer: Annotated[Optimizer | None, Query(description="Default: each one's best")] = None,
) -> Comparison:
    """Differences between studies, and the answer of each, side by side.

    Without a target each answers for its own; with one, all for that. A study that has no answer
    for it says why.
    """
    wanted = _wanted(ids)
    asked = AskedTarget(
        width=width, depth=depth, batch_size=batch_size, tokens=tokens, optimizer=optimizer
    )
    now = dt.datetime.now(dt.UTC)
    with database.read() as session:
        studies = [get_study(session, study_id) for study_id in wanted]
        known = [read_summary(session, study) for study in studies]
        summaries = [
            study_summary(study, read_standing(session, study, now, verdicts)) for study in studies
        ]
    answers = [answered(study, of_it, asked) for study, of_it in zip(studies, known, strict=True)]
    first = answers[0].answer
    return Comparison(
        studies=tuple(
            Compared(
                study=summary,
                answer=answer,
                problem=problem,
                change=None
                if number == 0 or first is None or answer is None
                else rate_change(first, answer),
            )
            for number, (summary, (answer, problem)) in enumerate(
                zip(summaries, answers, strict=True)
            )
        ),
        differences=differences({study.id: study.spec for study in studies}),
    )


def _wanted(ids: list[str]) -> list[str]:
    """Each id once.

    Raises:
        RequestValidationError: if they are too few or too many.

    """
    wanted = list(dict.fromkeys(one for some in ids for one in some.split(",")))
    if 2 <= len(wanted) <= MOST:
        return wanted
    words = f"{len(wanted)} studies named: name 2 to {MOST} different ones, ids=std_1,std_2"
    problem = {"type": "value_error", "loc": ("query", "ids"), "msg": words, "input": None}
    raise RequestValidationError([problem])
