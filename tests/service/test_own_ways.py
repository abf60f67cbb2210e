"""From a training script without any Widthwise to an answer, by each of the three ways."""

import re
from pathlib import Path

import pytest

from benchmarks.own_ways.script import write_script
from benchmarks.own_ways.transcript import transcript
from benchmarks.own_ways.ways import QUICK, TARGET, WAYS, Gone
from widthwise.recommendation import Recommendation


def gone(way: str, tmp_path: Path) -> Gone:
    """Go a way with tiny trials, in a folder with a space."""
    folder = tmp_path / "own gpt"
    write_script(folder)
    assert "widthwise" not in (folder / "train.py").read_text().lower()
    found = WAYS[way].go(folder, QUICK)
    answer = Recommendation.from_document(found.answer)
    assert answer.width == TARGET["width"]
    assert found.answer["target"]["tokens"] == TARGET["tokens"]
    tensors = {name for one in answer.tensors for name in one.names}
    assert {"wte.weight", "layers.1.down.weight", "lm_head.weight"} <= tensors
    assert len(found.actions) <= 5
    assert not (folder / "widthwise-data" / "address").exists()  # the service has ended
    return found


def test_a_class_in_the_script_is_tuned_by_one_command(tmp_path: Path) -> None:
    found = gone("file", tmp_path)
    tuned = found.actions[-1]
    assert re.search(r"page +http://127\.0\.0\.1:\d+/studies/std_\w+", tuned.text)
    assert "own-gpt-train with adamw, peak learning rates" in " ".join(tuned.text.split())
    assert "wrote recommendation.json" in tuned.text
    assert found.answer["family"]["name"] == "own-gpt-train"
    # A phase that ends between two looks has no line of its own; its trials stand in later ones.
    assert max(tuned.entered, key=tuned.entered.__getitem__) == "completed"
    trials = re.findall(
        r"^completed, .*?checking (\d+)/\1, searching (\d+)/\2, measuring (\d+)/\3",
        tuned.text,
        re.M,
    )
    assert len(trials) == 1


def test_an_installed_package_is_tuned_by_its_name(tmp_path: Path) -> None:
    found = gone("package", tmp_path)
    assert found.answer["family"]["name"] == "own_gpt"
    assert found.answer["family"]["version"] == "own-gpt 0.1.0"


def test_the_scripts_own_loop_trains_the_trials_of_a_study(tmp_path: Path) -> None:
    found = gone("trainer", tmp_path)
    assert found.answer["family"]["name"] == "external"
    assert found.answer["check"] is not None
    written = transcript({"trainer": found})
    assert "$ python trainer.py\n" in written
    assert found.answer["headline"].partition(":")[0] in written


def test_a_command_that_fails_ends_the_way_with_what_it_printed(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    write_script(folder)
    (folder / "model.py").write_text("raise OSError('no disk')")
    with pytest.raises(RuntimeError, match="OSError: no disk"):
        WAYS["trainer"].go(folder, QUICK)
