"""The package of datasets: its batches, and a study on them as they are installed."""

import re
from pathlib import Path

import pytest
import torch

from more_datasets.declarations import Sums
from more_datasets.sums import load
from tests.plugins.conftest import DATASETS_EXAMPLE, ROOT
from tests.plugins.test_installed import run
from tuner.spec.families.gpt import Gpt

GPT = Gpt(name="gpt", context=40)


def test_batches_are_sums_that_can_be_asked_for_again() -> None:
    data = load(Sums(name="sums", digits=2), GPT)
    inputs, targets = data.batch(3, 1, 20)
    assert torch.equal(data.batch(3, 1, 20).inputs, inputs)
    assert not torch.equal(data.batch(3, 2, 20).inputs, inputs)
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    assert int(inputs.max()) < Sums.vocabulary
    for row in inputs.tolist():
        whole = bytes(row).decode().rpartition(";")[0].split(";")
        for a, b, c in (re.split(r"[+=]", one) for one in whole):
            assert int(a) + int(b) == int(c)


def test_the_documents_code_is_the_examples() -> None:
    """The last blocks of docs/extending/datasets.md stand in a file of the package."""
    page = (ROOT / "docs" / "extending" / "datasets.md").read_text().partition("## In a package")[2]
    blocks = re.findall(r"```\w+\n(.*?)```", page, re.DOTALL)
    files = [one.read_text() for one in DATASETS_EXAMPLE.rglob("*") if one.suffix == ".toml"]
    assert len(blocks) == 1
    assert all(any(block in text for text in files) for block in blocks)


@pytest.mark.slow
def test_a_packages_dataset_is_studied_and_its_version_kept(
    datasets_site: Path, tmp_path: Path
) -> None:
    found, _ = run("tests.plugins.own_dataset", str(tmp_path), sites=(datasets_site,))
    assert found["study"]["state"] == "completed", found["study"]["reason"]
    stored = {"name": "sums", "digits": 1, "plugin": "more-datasets 0.1.0"}
    assert found["study"]["spec"]["dataset"] == stored
    listed = {one["name"]: one["plugin"] for one in found["datasets"]}
    assert (listed["sums"], listed["digits"]) == ("more-datasets 0.1.0", None)
    status, detail = found["refused"]
    assert status == 409
    assert "more-datasets 0.1.0 is installed: install more-datasets 0.0.9" in detail
    assert "more-datasets 0.2.0 is installed: install more-datasets 0.1.0" in found["changed"]
