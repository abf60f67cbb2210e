"""A study that cannot be read is listed with the reason, and every route of it says the same."""

import httpx
import pytest

from tests.app.served import Served
from tuner.storage.documents import FORMAT, SPEC
from tuner.storage.sql.tables import StudyRow
from widthwise.cli.tables import unreadable_studies
from widthwise.client import Client

NEWER = SPEC.format + 1
WORDS = (
    f"its specification cannot be read: a newer release wrote it in format {NEWER}, and this one"
    f" reads formats up to {SPEC.format}: upgrade Widthwise"
)


@pytest.fixture
def unreadable(served: Served) -> str:
    """Id of a study that a newer release has written, beside one that can be read."""
    served.submit(name="kept")
    study_id = served.submit(name="lost")
    with served.database.write() as session:
        row = session.get_one(StudyRow, study_id)
        row.spec = row.spec | {FORMAT: NEWER}
    return study_id


def test_the_list_has_it_apart_with_the_reason(client: httpx.Client, unreadable: str) -> None:
    listed = client.get("/v1/studies").json()
    assert [study["name"] for study in listed["studies"]] == ["kept"]
    assert listed["unreadable"] == [{"id": unreadable, "state": "queued", "problem": WORDS}]


def test_the_page_of_all_studies_shows_the_reason(client: httpx.Client, unreadable: str) -> None:
    page = client.get("/", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert f"{unreadable} (○ queued) cannot be read: {WORDS}." in page.text
    assert "kept" in page.text


@pytest.mark.parametrize(
    "path",
    ["", "/trials", "/curves", "/coordinate-check", "/sensitivity", "/recommendation"],
)
def test_what_is_read_of_it_is_answered_with_the_reason(
    client: httpx.Client, unreadable: str, path: str
) -> None:
    problem = client.get(f"/v1/studies/{unreadable}{path}")
    assert problem.status_code == 409
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["type"] == "urn:widthwise:problem:study-unreadable"
    assert WORDS in problem.json()["detail"]


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
def test_it_is_not_moved_before_it_can_be_read(
    client: httpx.Client, unreadable: str, action: str
) -> None:
    problem = client.post(f"/v1/studies/{unreadable}:{action}")
    assert (problem.status_code, WORDS in problem.json()["detail"]) == (409, True)


def test_its_page_shows_the_reason(client: httpx.Client, unreadable: str) -> None:
    page = client.get(f"/studies/{unreadable}", headers={"accept": "text/html"})
    assert page.status_code == 409
    assert WORDS in page.text


def test_the_client_and_the_terminal_list_it(served: Served, unreadable: str) -> None:
    with Client(served.address) as client:
        assert [study["name"] for study in client.studies()] == ["kept"]
        (page,) = client.study_pages()
    assert str(unreadable_studies(page["unreadable"])) == (
        f"{unreadable} (queued) cannot be read: {WORDS}"
    )


def test_a_state_of_a_newer_release_is_shown_by_its_name(served: Served, unreadable: str) -> None:
    with served.database.write() as session:
        session.get_one(StudyRow, unreadable).state = "archived"
    page = served.client.get("/", headers={"accept": "text/html"})
    assert f"{unreadable} (archived) cannot be read" in page.text
