"""Warm starts over HTTP: enqueued hyperparameters, and trials from CSV, Optuna and studies."""

import base64
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from tests.app.served import Served

RANGE = {"type": "float", "low": 1e-4, "high": 1e-1, "log": True}
SEARCHED = {"optimizers": [{"name": "adamw", "learning_rate": RANGE}]}


def give(client: httpx.Client, study_id: str, form: str, content: str, **more: Any) -> Any:  # noqa: ANN401
    body = {"form": form, "content": content} | more
    answered = client.post(f"/v1/studies/{study_id}/trials:import", json=body)
    assert answered.status_code == 200, answered.text
    return answered.json()


def given(client: httpx.Client, study_id: str) -> list[dict[str, Any]]:
    return list(client.get(f"/v1/studies/{study_id}/given-trials").json()["trials"])


@pytest.fixture
def tuned(tmp_path: Path) -> dict[str, Path]:
    """A study that Optuna itself has run, as a journal and as SQLite."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    paths = {"optuna_journal": tmp_path / "own.log", "optuna_sqlite": tmp_path / "own.db"}
    journal = JournalStorage(JournalFileBackend(str(paths["optuna_journal"])))
    sqlite = optuna.storages.RDBStorage(f"sqlite:///{paths['optuna_sqlite']}")
    for storage in (journal, sqlite):
        study = optuna.create_study(
            storage=storage, study_name="own", sampler=optuna.samplers.RandomSampler(seed=0)
        )
        for number in range(4):
            trial = study.ask()
            rate = trial.suggest_float("lr", 1e-4, 1e-2, log=True)
            trial.suggest_categorical("activation", ["relu", "gelu"])
            study.tell(trial, rate if number else None, state=_state(number))
    sqlite.engine.dispose()
    return paths


def _state(number: int) -> optuna.trial.TrialState:
    return optuna.trial.TrialState.COMPLETE if number else optuna.trial.TrialState.FAIL


@pytest.mark.parametrize("form", ["optuna_journal", "optuna_sqlite"])
def test_trials_of_an_optuna_storage_are_told_to_the_search(
    served: Served, tuned: dict[str, Path], form: str
) -> None:
    study_id = served.submit(**SEARCHED)
    raw = tuned[form].read_bytes()
    content = base64.b64encode(raw).decode() if form == "optuna_sqlite" else raw.decode()
    names = {"lr": "learning_rate"}
    answered = give(served.client, study_id, form, content, names=names)
    assert (answered["new"], answered["left_out"]) == (3, 1)
    assert answered["left_out_first"][0]["name"] == "trial 0"
    known = given(served.client, study_id)
    assert [one["params"]["learning_rate"] for one in known] == [one["value"] for one in known]
    assert all(1e-4 <= one["value"] <= 1e-2 for one in known)
    again = give(served.client, study_id, form, content, names=names)
    assert (again["new"], again["known"]) == (0, 3)


def test_a_csv_is_read_and_what_does_not_fit_is_named(served: Served) -> None:
    study_id = served.submit(**SEARCHED)
    text = (
        "number,params_learning_rate,value,state\n"
        "0,0.001,2.5,COMPLETE\n1,0.004,nan,COMPLETE\n2,5,2.1,COMPLETE\n3,0.01,2.2,FAIL\n"
        "4,oops,2.2,COMPLETE\n5,0.002,2.4,\n6,0.003\n"
    )
    answered = give(served.client, study_id, "csv", text)
    assert answered["new"] == 2
    reasons = {one["name"]: one["reason"] for one in answered["left_out_first"]}
    assert "finite" in reasons["line 3"]
    assert "must be from 0.0001 to 0.1, not 5" in reasons["line 4"]
    assert "finite" in reasons["line 5"]
    assert "has no learning_rate" in reasons["line 6"]
    assert "finite" in reasons["line 8"]
    assert [one["value"] for one in given(served.client, study_id)] == [2.5, 2.4]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("before", ["", "\ufeff"])
def test_a_csv_is_read_as_spreadsheets_write_it(
    served: Served, before: str, delimiter: str
) -> None:
    """With a byte order mark, other delimiters, line ends of Windows and names of any script."""
    study_id = served.submit(**SEARCHED)
    lines = ("קצב לימוד, value", '0.001,"2.5"', "4e-3,2.25")
    text = before + "\r\n".join(lines).replace(",", delimiter)
    answered = give(served.client, study_id, "csv", text, names={"קצב לימוד": "learning_rate"})
    assert (answered["new"], answered["left_out"]) == (2, 0)
    found = [(one["params"], one["value"]) for one in given(served.client, study_id)]
    assert found == [({"learning_rate": 0.001}, 2.5), ({"learning_rate": 0.004}, 2.25)]


def test_a_study_starts_from_what_another_one_has_learned(reviewed: tuple[Served, str]) -> None:
    served, known_id = reviewed
    study_id = served.submit()
    answered = give(served.client, study_id, "study", known_id)
    query = {"purpose": "search", "state": "complete"}
    complete = served.client.get(f"/v1/studies/{known_id}/trials", params=query).json()["trials"]
    assert answered["new"] == len({one["value"] for one in complete})
    served.client.post(f"/v1/studies/{study_id}:cancel")


def test_enqueued_hyperparameters_are_trained_first(served: Served) -> None:
    study_id = served.submit(**SEARCHED)
    path = f"/v1/studies/{study_id}/trials"
    body = {"trials": [{"learning_rate": 0.005}, {"learning_rate": 0.02}]}
    assert served.client.post(path, json=body).json()["new"] == 2
    assert served.client.post(path, json=body).json() == {
        "study_id": study_id,
        "optimizer": "adamw",
        "new": 0,
        "known": 2,
    }
    served.advance(study_id)
    first = served.client.get(path, params={"page_size": 2}).json()["trials"]
    assert [one["params"]["learning_rate"] for one in first] == [0.005, 0.02]
    assert [one["trial"] for one in given(served.client, study_id)] == [0, 1]
    late = served.client.post(path, json={"trials": [{"learning_rate": 0.001}]})
    assert late.status_code == 409
    assert "its search takes no more trials" in late.json()["detail"]


@pytest.mark.parametrize(
    ("trial", "pointer", "words"),
    [
        ({"learning_rate": 7}, "/trials/0/learning_rate", "from 0.0001 to 0.1"),
        ({"lr": 0.01}, "/trials/0/lr", "no hyperparameter of adamw"),
        ({"weight_decay": 0.5}, "/trials/0/weight_decay", "in every trial"),
    ],
)
def test_hyperparameters_that_cannot_be_trained_are_named(
    served: Served, trial: dict[str, float], pointer: str, words: str
) -> None:
    path = f"/v1/studies/{served.submit(**SEARCHED)}/trials"
    refused = served.client.post(path, json={"trials": [trial]})
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error["pointer"] == pointer
    assert words in error["detail"]


def test_a_grid_takes_whole_points_alone(served: Served) -> None:
    two = {"name": "adamw", "learning_rate": RANGE, "weight_decay": RANGE}
    study_id = served.submit(optimizers=[two], search={"trials": 8, "sampler": "grid"})
    path = f"/v1/studies/{study_id}/trials"
    refused = served.client.post(path, json={"trials": [{"learning_rate": 0.01}]})
    assert [one["pointer"] for one in refused.json()["errors"]] == ["/trials/0"]
    whole = {"learning_rate": 0.01, "weight_decay": 0.01}
    assert served.client.post(path, json={"trials": [whole]}).json()["new"] == 1


BOMB = (
    "CREATE VIEW studies AS WITH RECURSIVE n(study_id) AS"
    " (SELECT 1 UNION ALL SELECT study_id + 1 FROM n)"
    " SELECT study_id, 'a' AS study_name FROM n WHERE study_id < 0"
)


def bomb(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(BOMB)
    return base64.b64encode(path.read_bytes()).decode()


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("csv", "a,b\n1,2\n"),
        ("csv", '"'),
        ("csv", "\ufeff"),
        ("optuna_journal", "no JSON"),
        ("optuna_journal", "{}"),
        ("optuna_journal", "[" * 100_000),
        ("optuna_journal", '{"op_code": 4, "study_id": 9}'),
        ("optuna_sqlite", "no base64!"),
        ("optuna_sqlite", base64.b64encode(b"no database at all").decode()),
        ("optuna_sqlite", "view"),
        ("study", "std_nobody"),
    ],
)
def test_what_holds_no_trials_is_refused_in_words(
    served: Served, tmp_path: Path, form: str, content: str
) -> None:
    study_id = served.submit(**SEARCHED)
    content = bomb(tmp_path / "bomb.db") if content == "view" else content
    body = {"form": form, "content": content}
    refused = served.client.post(f"/v1/studies/{study_id}/trials:import", json=body)
    assert refused.status_code == 422, refused.text
    (error,) = refused.json()["errors"]
    assert error["pointer"] == "/content"
    assert "JSONDecodeError" not in error["detail"]
    assert ".." not in refused.json()["detail"]
    assert given(served.client, study_id) == []
