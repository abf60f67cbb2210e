"""Own tasks over HTTP: named by studies, listed, refused; paused where their files have changed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.served import Served
from tuner.coordinator.changed_studies import park_changed
from tuner.spec.families.registered_tasks import REGISTERED, Registration, TaskFacts
from tuner.spec.states import StudyState
from widthwise.task_source import TaskSource

TEXT = "from helper import WIDTH\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "helper.py").write_text("WIDTH = 3\n")
    path = tmp_path / "train.py"
    path.write_text(TEXT)
    return path


@pytest.fixture
def tasks(tmp_path: Path) -> Iterator[Path]:
    """The folder of registrations."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    REGISTERED.read_from(folder)
    yield folder
    REGISTERED.read_from(None)


def register(tasks: Path, file: Path, name: str = "mine", **facts: Any) -> Registration:  # noqa: ANN401
    source = TaskSource.parse(f"{file}:Task")
    known: dict[str, Any] = {
        "base_width": 64,
        "width_divisor": 16,
        "tokens_per_example": 32,
        "metric": "error rate",
        "validates": False,
        "batches": "by_step",
        "residual_blocks": True,
        "draws": False,
    }
    found = Registration(
        name=name,
        words="My own.",
        source=source.text,
        version=source.version(),
        depth=3,
        facts=TaskFacts.model_validate(known | facts),
        files=source.files,
    )
    (tasks / f"{name}.json").write_text(found.model_dump_json())
    return found


def asked(name: str = "mine", **family: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"family": {"name": name, **family}, "target": {"width": 256}}


def test_a_study_that_names_a_task_is_filled_in_by_its_registration(
    served: Served, tasks: Path, file: Path
) -> None:
    found = register(tasks, file)
    spec = served.client.post("/v1/studies", json=asked()).json()["spec"]
    assert spec["family"] == {
        "name": "mine",
        "depth": 3,
        "source": f"{file}:Task",
        "version": found.version,
        "facts": found.facts.model_dump(),
    }
    assert spec["dataset"] == {"name": "own-batches"}
    assert (spec["proxy_width"], spec["target"]["tokens"]) == (64, 200 * 16 * 32)
    assert spec["search"]["pruner"] == "median"


def test_the_catalogue_lists_tasks_with_source_and_version(
    served: Served, tasks: Path, file: Path
) -> None:
    found = register(tasks, file, validates=True)
    (tasks / "broken.json").write_text("{")
    listed = served.client.get("/v1/families").json()
    own = {one["name"]: one for one in listed["families"]}["mine"]
    assert (own["source"], own["version"], own["plugin"]) == (found.source, found.version, None)
    assert own["description"] == "My own."
    assert own["datasets"] == ["own-batches"]
    assert own["compared_by"]["name"] == "error rate"
    (left_out,) = listed["left_out"]
    assert left_out["name"] == "broken"
    assert "cannot be read" in left_out["reason"]


def test_a_loader_goes_without_pruning(served: Served, tasks: Path, file: Path) -> None:
    register(tasks, file, batches="loader")
    spec = served.client.post("/v1/studies", json=asked()).json()["spec"]
    assert spec["search"]["pruner"] == "none"
    refused = served.client.post("/v1/studies", json=asked() | {"search": {"pruner": "median"}})
    (error,) = refused.json()["errors"]
    assert error["pointer"] == "/search/pruner"
    assert "because its batches come from a loader: use none" in error["detail"]


@pytest.mark.parametrize(
    ("family", "pointer", "words"),
    [
        ({"name": "../x.py"}, "/family/name", "unknown name '../x.py': use one of mlp, gpt"),
        ({"name": "train.py:Task"}, "/family/name", "external, mine"),
        ({"name": "a.py:B:C"}, "/family/name", "unknown name 'a.py:B:C'"),
        ({"name": "mine "}, "/family/name", "unknown name 'mine '"),
        ({"name": "m\u0456ne"}, "/family/name", "unknown name"),
        ({"name": "../tasks/mine"}, "/family/name", "unknown name"),
        ({"name": ""}, "/family/name", "unknown name"),
        ({"name": 3}, "/family/name", "unknown name"),
        ({"name": ["mine"]}, "/family/name", "unknown name"),
        ({"name": {"name": "mine"}}, "/family/name", "unknown name"),
        (
            {"name": "other", "source": "/tmp/x.py", "version": "1", "depth": 1, "facts": {}},
            "/family/name",
            "unknown name 'other'",
        ),
        (
            {"name": "mine", "source": "/tmp/x.py"},
            "/family",
            "source is what mine was registered with: leave it out",
        ),
        (
            {"name": "mine", "facts": {"base_width": 1}},
            "/family",
            "facts is what mine was registered with: leave it out",
        ),
        ({"name": "mine", "depth": 0}, "/family/depth", "greater than or equal to 1"),
        ({"name": "mine", "depth": True}, "/family/depth", "must be a number, not true"),
        ({"name": "mine", "heads": 4}, "/family/heads", "unknown field"),
    ],
)
def test_what_is_no_registered_task_is_refused(
    served: Served, tasks: Path, file: Path, family: dict[str, Any], pointer: str, words: str
) -> None:
    register(tasks, file)
    refused = served.client.post("/v1/studies", json={"family": family, "target": {"width": 256}})
    assert refused.status_code == 422, refused.text
    errors = [(one["pointer"], one["detail"]) for one in refused.json()["errors"]]
    assert any(at == pointer and words in detail for at, detail in errors), errors


@pytest.mark.parametrize(
    ("fields", "pointer", "words"),
    [
        (
            {"target": {"width": 250}},
            "/target/width",
            "multiple of 16 (width_divisor): the nearest",
        ),
        ({"optimizers": [{"name": "kfac"}]}, "/optimizers/0/name", "kfac cannot train a mine"),
        (
            {"training": {"activation_checkpointing": True}},
            "/training/activation_checkpointing",
            "cannot train a mine",
        ),
        ({"dataset": {"name": "digits"}}, "/dataset/name", "use one of own-batches"),
    ],
)
def test_what_a_task_cannot_have_is_refused(
    served: Served, tasks: Path, file: Path, fields: dict[str, Any], pointer: str, words: str
) -> None:
    register(tasks, file)
    refused = served.client.post("/v1/studies", json=asked() | fields)
    errors = [(one["pointer"], one["detail"]) for one in refused.json()["errors"]]
    assert any(at == pointer and words in detail for at, detail in errors), errors


def test_a_target_of_another_depth_needs_residual_blocks(
    served: Served, tasks: Path, file: Path
) -> None:
    register(tasks, file, residual_blocks=False)
    refused = served.client.post(
        "/v1/studies", json=asked() | {"target": {"width": 256, "depth": 6}}
    )
    (error,) = refused.json()["errors"]
    assert "none of its tensors is in a residual block" in error["detail"]


@pytest.mark.parametrize("changed", ["train.py", "helper.py"])
def test_a_changed_file_pauses_the_study_until_it_is_as_it_was(
    served: Served, tasks: Path, file: Path, changed: str
) -> None:
    register(tasks, file)
    study_id = served.client.post("/v1/studies", json=asked()).json()["id"]
    place = file.with_name(changed)
    before = place.read_text()
    park_changed(served.database)
    assert state_of(served, study_id)[0] == "queued"
    place.write_text(f"{before}# changed\n")
    park_changed(served.database)
    state, reason = state_of(served, study_id)
    assert state == "paused"
    assert f"{file}, or a file that it imports, has changed (version " in reason
    assert "put it back as it was, or register it again and submit a new study" in reason
    resumed = served.client.post(f"/v1/studies/{study_id}:resume")
    assert resumed.status_code == 409
    assert "has changed" in resumed.json()["detail"]
    assert served.client.post("/v1/studies", json=asked()).status_code == 409
    register(tasks, file)  # as it is now: new studies can name it, the old one waits
    assert served.client.post("/v1/studies", json=asked()).status_code == 202
    assert served.client.post(f"/v1/studies/{study_id}:resume").status_code == 409
    place.write_text(before)
    assert served.client.post(f"/v1/studies/{study_id}:resume").json()["state"] == "queued"


def test_a_task_that_is_registered_no_more_pauses_its_studies_which_stay_readable(
    served: Served, tasks: Path, file: Path
) -> None:
    register(tasks, file)
    study_id = served.client.post("/v1/studies", json=asked()).json()["id"]
    (tasks / "mine.json").unlink()
    park_changed(served.database)
    state, reason = state_of(served, study_id)
    assert state == "paused"
    assert f"is not registered here: widthwise up --plugin {file}:Task" in reason


def test_a_whole_study_of_a_task_is_shown_and_answered(
    served: Served, tasks: Path, file: Path
) -> None:
    register(tasks, file)
    study_id = served.submit(**asked(depth=2), search={"trials": 8}, training={"steps": 8})
    served.advance(study_id)
    (tasks / "mine.json").unlink()  # what is stored answers without the task
    assert state_of(served, study_id)[0] == "completed"
    own = f"/v1/studies/{study_id}"
    for path in ("", "/trials", "/curves", "/sensitivity", "/coordinate-check", "/recommendation"):
        assert served.client.get(own + path).status_code == 200, path
    for form in ("json", "yaml", "python"):
        answer = served.client.get(f"{own}/recommendation", params={"format": form})
        assert answer.status_code == 200, answer.text
        assert "mine" in answer.text
    page = served.client.get(f"/studies/{study_id}")
    assert page.status_code == 200
    assert "mine" in page.text


def state_of(served: Served, study_id: str) -> tuple[StudyState, str]:
    study = served.client.get(f"/v1/studies/{study_id}").json()
    return study["state"], study["reason"]
