"""The page that asks for a study: a form and the document that it writes, side by side."""

from functools import cache
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from app.dashboard.submit.fields import Field, field_at, simple_fields
from app.dashboard.submit.searched import searched_fields
from app.dashboard.templating import page
from app.dependencies import Sender
from app.routes.catalogue import Option, list_datasets, list_families, list_optimizers
from tuner.spec.access import Scope
from tuner.spec.study import StudySpec

router = APIRouter()


class _Group(NamedTuple):
    title: str
    pointers: tuple[str, ...]


_BEFORE: Final = (
    _Group("The target", ("target/width", "target/depth", "target/batch_size", "target/tokens")),
    _Group(
        "The proxies",
        ("proxy_width", "training/steps", "training/batch_size", "training/precision"),
    ),
)
_AFTER: Final = (
    _Group("Search", ("search/trials", "search/sampler", "search/pruner")),
    _Group(
        "Measurement", ("measure/plan", "measure/widths", "measure/seeds", "control", "at_target")
    ),
    _Group("Limits", ("budget/gpu_hours", "budget/flops_percent", "budget/cost", "priority")),
    _Group("The study", ("name", "project", "seed", "stop_after")),
)


class FieldGroup(NamedTuple):
    title: str
    fields: tuple[Field, ...]


class OptionFields(NamedTuple):
    """A family or dataset, with the fields of its options."""

    option: Option
    fields: tuple[Field, ...]


@router.get("/new")
def show_submission(
    sender: Sender, like: str = Query("", max_length=64, description="A study to begin from")
) -> HTMLResponse:
    """A form for a new study, checked and previewed as it is filled in."""
    families, datasets = list_families().families, list_datasets().datasets
    return page(
        "submit.html",
        families=[_with_fields(one, "/family") for one in families],
        datasets=[_with_fields(one, "/dataset") for one in datasets],
        datasets_of={one.name: one.datasets for one in families},
        optimizers=list_optimizers().optimizers,
        before=_groups(_BEFORE),
        after=_groups(_AFTER),
        searched=searched_fields(schema()),
        may_submit=Scope.SUBMIT in sender.scopes,
        like=like,
    )


def _with_fields(option: Option, under: str) -> OptionFields:
    return OptionFields(option, simple_fields(option.options, under))


@cache
def schema() -> dict[str, Any]:
    """JSON Schema of a submission; takes part of a second to derive."""
    return StudySpec.model_json_schema()


def _groups(groups: tuple[_Group, ...]) -> tuple[FieldGroup, ...]:
    return tuple(
        FieldGroup(group.title, tuple(field_at(schema(), f"/{at}") for at in group.pointers))
        for group in groups
    )
