"""Look at what a submitted study would run, and plan what it leaves to its budget."""

import datetime as dt
import hashlib
from collections.abc import Sequence

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.data_files import with_data
from app.liveness import COORDINATOR, Liveness, liveness
from app.schemas.coordinate_checks import CheckAsked, problems_of
from app.settings import AppSettings
from tuner.data_files.places import Places
from tuner.decisions.budget_plan import OverBudget, left_open, planned_by_budget
from tuner.engine.packing import PROPOSED_ON_GPUS
from tuner.evidence.planning.check_preview import check_preview
from tuner.evidence.planning.slots import SlotsAtWork
from tuner.evidence.planning.study_preview import preview
from tuner.evidence.preview import Preview
from tuner.recommendation.foreseen import foreseen
from tuner.spec.study import StudySpec
from tuner.storage.changes.seeding import require_prior
from tuner.storage.heartbeats import workers
from tuner.storage.speeds.measured import described_shape, measured_speeds
from tuner.storage.sql.database import Database


def planned(body: StudySpec, database: Database, settings: AppSettings) -> StudySpec:
    """The study as it will be stored: with its data's facts, and planned by its budget.

    Raises:
        RequestValidationError: if its data cannot be trained on, or no plan fits the budget.

    """
    if body.budget is not None:
        return previewed(body, database, settings).spec
    with_facts = with_data(body, Places(settings.dataset_dirs))
    if body.only_checks:
        return with_facts
    with database.read() as session:
        at_work = _on_gpus(session, settings)
    return _for_slots(with_facts, body, at_work)


def asked_sha256(body: StudySpec) -> str:
    """SHA-256 of a study as asked for, if its budget or the slots plan it; empty for others.

    What is planned may follow the speed of the moment, and the request is the same all the same.
    """
    if body.only_checks or (body.budget is None and _says_batches(body)):
        return ""
    return hashlib.sha256(body.model_dump_json().encode()).hexdigest()


def previewed(body: StudySpec, database: Database, settings: AppSettings) -> Preview:
    """The preview of a study: its trials, FLOPs and time.

    Raises:
        RequestValidationError: as `planned`.
        StudyNotFound: if its prior is none of the owner's.
        NoSeeds: if its prior has nothing for it.

    """
    spec = _priced(with_data(body, Places(settings.dataset_dirs)), settings)
    with database.read() as session:
        shape = described_shape(session, spec)
        speeds = measured_speeds(session, spec.family.name)
        require_prior(session, spec)
        at_work = _on_gpus(session, settings)
    spec = _for_slots(spec, body, at_work)
    # GPUs are packed for where there are any.
    number = 0 if spec.family.is_external else sum(at_work) or len(at_work)
    slots = SlotsAtWork(number, speeds, settings.price_per_hour)
    if spec.only_checks:
        return check_preview(spec, shape, slots)
    try:
        spec = planned_by_budget(
            spec,
            left_open(body),
            lambda candidate: preview(candidate, shape, slots._replace(number=slots.number or 1)),
        )
    except OverBudget as error:
        raise _refused([(f"/budget/{error.unit}", str(error))]) from error
    return preview(spec, shape, slots).model_copy(update={"abstains": foreseen(spec)})


def _on_gpus(session: Session, settings: AppSettings) -> list[bool]:
    """For every slot at work, True if it is on a GPU."""
    now, silence = dt.datetime.now(dt.UTC), settings.coordinator_silence_seconds
    return [
        one.device.startswith("cuda")
        for one in workers(session)
        if one.name != COORDINATOR and liveness(one, now, silence) is not Liveness.SILENT
    ]


def _for_slots(spec: StudySpec, body: StudySpec, on_gpus: Sequence[bool]) -> StudySpec:
    """The study with the search's batch size for such slots, unless it gives its own."""
    if not any(on_gpus) or spec.family.is_external or _says_batches(body):
        return spec
    search = spec.search.model_copy(update={"batch_size": PROPOSED_ON_GPUS})
    return spec.model_copy(update={"search": search})


def _says_batches(body: StudySpec) -> bool:
    """True if the study, as asked for, says how many trials are proposed together."""
    return "batch_size" in body.search.model_fields_set


def _priced(spec: StudySpec, settings: AppSettings) -> StudySpec:
    """The study with the price of its budget's hours, as it is now."""
    budget = spec.budget
    if budget is None or budget.cost is None or budget.price_per_hour is not None:
        return spec
    if not settings.price_per_hour:
        words = (
            "an hour of a slot has no price here: set WIDTHWISE_PRICE_PER_HOUR where the service"
            " starts, give price_per_hour beside cost, or give gpu_hours"
        )
        raise _refused([("/budget/cost", words)])
    priced = budget.model_copy(update={"price_per_hour": settings.price_per_hour})
    return spec.model_copy(update={"budget": priced})


def spec_of_check(body: CheckAsked) -> StudySpec:
    """The study that checks what was asked for, and stops.

    Raises:
        RequestValidationError: if fields contradict each other, at their places in the body.

    """
    try:
        return body.to_spec()
    except ValidationError as error:
        raise _refused(list(problems_of(error)), body.model_dump(mode="json")) from error


def _refused(problems: Sequence[tuple[str, str]], body: object = None) -> RequestValidationError:
    """The refusal of fields that disagree: (JSON pointer, what to change) of each."""
    told = {
        "type": "fields_disagree",
        "loc": ("body",),
        "msg": "; ".join(words for _, words in problems),
        "input": None,
        "ctx": {"problems": problems},
    }
    return RequestValidationError([told], body=body)
