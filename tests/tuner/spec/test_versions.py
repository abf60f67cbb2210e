"""Stored studies whose plugin is another one now, or gone."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from more_optimizers.declarations import GAUSS_NEWTON
from parametrization.optimizers.declaration import OptimizerDeclaration
from parametrization.plugins import LeftOut, Plugin, Plugins
from tests.tuner.builders import spec
from tuner.records.errors import StudyUnreadable
from tuner.spec import versions as plugin_versions
from tuner.spec.states import StudyState
from tuner.spec.versions import other_plugins
from tuner.storage.scheduling.active import ActiveStudies
from tuner.storage.sql.database import Database
from tuner.storage.sql.tables import StudyRow
from tuner.storage.studies import get_study, open_study, park_studies
from tuner.storage.study_list import list_studies

GONE = {"name": "gauss_newton", "plugin": "more-optimizers 0.1.0"}
WORDS = "gauss_newton is of more-optimizers 0.1.0, which is not installed: install it"


def naming(*optimizers: dict[str, Any]) -> dict[str, Any]:
    return {"optimizers": list(optimizers)}


def test_a_schedule_of_a_package_that_is_gone_is_named() -> None:
    schedule = {"shape": "exponential", "plugin": "more-optimizers 0.1.0"}
    words = "exponential is of more-optimizers 0.1.0, which is not installed: install it"
    assert other_plugins({"training": {"schedule": schedule}}) == words
    assert other_plugins({"training": {"schedule": {"shape": "wsd", "plugin": None}}}) is None


def test_built_in_optimizers_need_no_plugin() -> None:
    assert other_plugins(naming({"name": "adamw"})) is None


@pytest.mark.parametrize(
    ("plugins", "words"),
    [
        (Plugins({}, ()), WORDS),
        (Plugins({"gauss_newton": Plugin(GAUSS_NEWTON, "more-optimizers 0.1.0")}, ()), None),
        (
            Plugins({"gauss_newton": Plugin(GAUSS_NEWTON, "more-optimizers 0.2.0")}, ()),
            "gauss_newton is of more-optimizers 0.1.0, and more-optimizers 0.2.0 is installed:"
            " install more-optimizers 0.1.0",
        ),
        (
            Plugins({}, (LeftOut("gauss_newton", "more-optimizers 0.1.0", "it is broken"),)),
            "gauss_newton is of more-optimizers 0.1.0, which cannot be used: it is broken",
        ),
    ],
    ids=["gone", "the same", "another version", "broken"],
)
def test_what_differs_is_said_with_the_remedy(
    plugins: Plugins[OptimizerDeclaration], words: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_versions, "INSTALLED", {"optimizers": plugins})
    assert other_plugins(naming({"name": "adamw"}, GONE)) == words


def lose_plugin(session: Session, study_id: str) -> None:
    """As it is stored where the plugin was installed, read where it is not."""
    row = session.get_one(StudyRow, study_id)
    row.spec = row.spec | naming(GONE)


@pytest.fixture
def two_studies(database: Database) -> tuple[str, str]:
    """One that can be read, and one whose plugin is gone."""
    with database.write() as session:
        kept, lost = (open_study(session, spec(seed=seed))[0].id for seed in range(2))
        lose_plugin(session, lost)
    return kept, lost


def test_a_study_whose_plugin_is_gone_is_listed_with_the_reason(
    database: Database, two_studies: tuple[str, str]
) -> None:
    kept, lost = two_studies
    with database.read() as session:
        page = list_studies(session, state=None, page_size=10, page_token=None)
    assert [study.id for study in page.studies] == [kept]
    assert [(one.id, one.state, one.problem) for one in page.unreadable] == [
        (lost, StudyState.QUEUED, WORDS)
    ]


def test_a_study_whose_plugin_is_gone_is_refused_with_the_reason(
    database: Database, two_studies: tuple[str, str]
) -> None:
    with database.read() as session, pytest.raises(StudyUnreadable, match=WORDS):
        get_study(session, two_studies[1])


def test_a_coordinator_parks_it_and_goes_on_with_the_others(
    database: Database, two_studies: tuple[str, str]
) -> None:
    kept, lost = two_studies
    with database.write() as session:
        park_studies(session)
    with database.read() as session:
        assert [study.id for study in ActiveStudies().read(session)] == [kept]
        row = session.get_one(StudyRow, lost)
        assert (row.state, row.resume_state) == (StudyState.PAUSED, StudyState.QUEUED)
        assert row.reason == f"{WORDS}; then resume the study"


def test_what_was_read_before_is_compared_again_with_what_is_installed(
    database: Database, two_studies: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A coordinator reads specifications once; its tasks' files may change at any moment."""
    kept, lost = two_studies
    active = ActiveStudies()
    with database.read() as session:
        assert [study.id for study in active.read(session)] == [kept]
        assert list(active.changed(session)) == [(lost, WORDS)]
        plugins = Plugins({"gauss_newton": Plugin(GAUSS_NEWTON, "more-optimizers 0.1.0")}, ())
        monkeypatch.setattr(plugin_versions, "INSTALLED", {"optimizers": plugins})
        assert {study.id for study in active.read(session)} == {kept, lost}
        assert list(active.changed(session)) == []
