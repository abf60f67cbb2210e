"""The page on the library: every block of code on it runs, in its order."""

import io
import re
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.tuner.builders import Trials, snapshot, spec, study, surface
from tests.tuner.recommendation.answers import recommend

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def write_recommendation(shape: Any) -> None:  # noqa: ANN401  what the page has made
    """What a study of the page's own model would leave behind."""
    trials = Trials(surface()).search([-6.0, -5.0, -4.5]).measure()
    known = snapshot(trials, statistics=(), record=study(spec=spec(), shape=shape))
    answer = recommend(known, width=2 * shape.base_width)
    Path("recommendation.json").write_text(answer.model_dump_json(), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the libraries that the page brings in
def test_every_block_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page: dict[str, Any] = {"__name__": "page"}
    shown = io.StringIO()
    for block in BLOCKS:
        if "transformers" in block and find_spec("transformers") is None:
            continue
        if "recommendation.json" in block:
            write_recommendation(page["shape"])
        with redirect_stdout(shown):
            exec(compile(block, str(PAGE), "exec"), page)
    assert "blocks.*.qkv.weight" in shown.getvalue()
    assert page["losses"][-1] < page["losses"][0]


def test_the_page_names_what_the_library_gives() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in ("shape", "as_readout", "check_width", "describe", "fold_multipliers", "load"):
        assert re.search(rf"\b{name}\b", text), name
    assert len(BLOCKS) > 8
