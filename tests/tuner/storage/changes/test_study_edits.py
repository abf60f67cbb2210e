"""Edits and filters on both databases."""

from tuner.spec.study import StudySpec
from tuner.storage.changes.study_edits import Edit, edit_study, list_projects
from tuner.storage.sql.database import Database
from tuner.storage.sql.viewers import Viewer
from tuner.storage.studies import open_study
from tuner.storage.study_list import StudyFilter, list_studies

SPEC = {"family": {"name": "mlp"}, "target": {"width": 512}}
AWKWARD = 'a "quoted" $.name[0]\' --'


def test_filters_follow_edits_and_take_any_name(database: Database) -> None:
    def found(wanted: StudyFilter) -> list[str]:
        with database.read() as session:
            page = list_studies(session, page_size=10, wanted=wanted)
        return [study.id for study in page.studies]

    with database.write() as session:
        spec = StudySpec.model_validate(SPEC | {"labels": {"team": "a"}, "project": "p"})
        one = open_study(session, spec)[0].id
        other = StudySpec.model_validate(SPEC | {"optimizers": [{"name": "sgd"}]})
        two = open_study(session, other)[0].id
    assert found(StudyFilter(label=[("team", "a")])) == [one]
    with database.write() as session:
        edit_study(session, one, Edit(labels={"team": None, AWKWARD: "b"}))
        edit_study(session, two, Edit(project="q"))
    assert found(StudyFilter(label=[("team", None)])) == []
    assert found(StudyFilter(label=[(AWKWARD, "b")])) == [one]
    assert found(StudyFilter(label=[(AWKWARD, AWKWARD)])) == []
    assert found(StudyFilter(optimizer="sgd", family="mlp")) == [two]
    assert found(StudyFilter(project="q", name="")) == [two]
    with database.read() as session:
        assert list_projects(session) == (("p", 1), ("q", 1))


def test_projects_are_those_of_whoever_asks(database: Database) -> None:
    for owner, project in (("ann", "p"), ("bob", "q")):
        with database.seen_by(Viewer(owner)).write() as session:
            open_study(session, StudySpec.model_validate(SPEC | {"project": project}))
    with database.seen_by(Viewer("ann")).read() as session:
        assert list_projects(session) == (("p", 1),)
