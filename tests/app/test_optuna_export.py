"""A study leaves as a storage that Optuna itself opens, with the same trials."""

from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from tests.app.served import Served


@pytest.fixture
def storage(finished: tuple[Served, str], tmp_path: Path) -> JournalStorage:
    served, study_id = finished
    answered = served.client.get(f"/v1/studies/{study_id}/export/optuna")
    assert answered.status_code == 200, answered.text
    name = answered.headers["content-disposition"].partition('filename="')[2].rstrip('"')
    (tmp_path / name).write_bytes(answered.content)
    return JournalStorage(JournalFileBackend(str(tmp_path / f"{study_id}.optuna.log")))


def test_optuna_loads_the_search_with_its_values_and_states(
    finished: tuple[Served, str], storage: JournalStorage
) -> None:
    served, study_id = finished
    loaded = optuna.load_study(study_name=f"{study_id}/adamw/search", storage=storage)
    page = served.client.get(f"/v1/studies/{study_id}/trials", params={"purpose": "search"})
    ours = page.json()["trials"]
    assert [trial.params for trial in loaded.trials] == [trial["params"] for trial in ours]
    assert [trial.state.name.lower() for trial in loaded.trials] == [one["state"] for one in ours]
    complete = [one for one in ours if one["state"] == "complete"]
    assert loaded.best_value == min(one["value"] for one in complete)
    for trial, one in zip(loaded.trials, ours, strict=True):
        told = {str(step): value for step, value in trial.intermediate_values.items()}
        assert told == one["intermediate_values"]
        assert trial.user_attrs["widthwise:number"] == one["number"]
        assert (trial.datetime_complete or trial.datetime_start) is not None
    assert loaded.user_attrs["widthwise:study"] == study_id


def test_optuna_loads_what_was_measured_with_its_widths(
    finished: tuple[Served, str], storage: JournalStorage
) -> None:
    served, study_id = finished
    loaded = optuna.load_study(study_name=f"{study_id}/adamw/measure", storage=storage)
    purposes = ["measure", "control", "confirm"]
    page = served.client.get(
        f"/v1/studies/{study_id}/trials", params={"purpose": purposes, "page_size": 1_000}
    )
    ours = page.json()["trials"]
    assert len(loaded.trials) == len(ours)
    by_number = {trial.user_attrs["widthwise:number"]: trial for trial in loaded.trials}
    for one in ours:
        params = by_number[one["number"]].params
        assert params["width"] == one["width"]
        assert params["learning_rate"] == one["hyperparameters"]["learning_rate"]


def test_an_exported_search_goes_on_under_optuna(
    finished: tuple[Served, str], storage: JournalStorage
) -> None:
    _, study_id = finished
    loaded = optuna.load_study(study_name=f"{study_id}/adamw/search", storage=storage)
    before = len(loaded.trials)
    trial = loaded.ask(fixed_distributions=loaded.trials[0].distributions)
    loaded.tell(trial, 1.0)
    assert len(loaded.trials) == before + 1


def test_a_study_without_trials_is_an_empty_storage(served: Served, tmp_path: Path) -> None:
    study_id = served.submit()
    path = tmp_path / "empty.log"
    path.write_bytes(served.client.get(f"/v1/studies/{study_id}/export/optuna").content)
    storage = JournalStorage(JournalFileBackend(str(path)))
    names = [one.study_name for one in optuna.get_all_study_summaries(storage)]
    assert names == [f"{study_id}/adamw/search"]
