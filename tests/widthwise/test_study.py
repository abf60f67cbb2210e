"""A study in a script: waited for, read as rows, drawn, and shown in a notebook."""

from pathlib import Path

import pytest

from tests.widthwise.conftest import SPEC
from widthwise.client import Client
from widthwise.errors import WidthwiseError


def test_a_finished_study_is_not_waited_for_and_gives_its_curves(
    finished: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address, study_id = finished
    with Client(address) as client:
        study = client.study(study_id)
        assert study.wait() is study
        assert "completed" in capsys.readouterr().out
        rows = study.sensitivity_rows()
        measured = client.sensitivity(study_id)["curves"]
        assert len(rows) == sum(len(curve["points"]) for curve in measured) > 0
        assert {row["width"] for row in rows} == {curve["width"] for curve in measured}
        assert study.plot(tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_study_that_is_cancelled_is_an_error_with_its_state(client: Client) -> None:
    study = client.submit(SPEC)
    client.cancel(study.id)
    with pytest.raises(WidthwiseError, match=f"{study.id} is cancelled"):
        study.wait(progress=False)
    assert study["state"] == "cancelled", "what it was told last"


def test_a_notebook_shows_name_state_and_page_and_runs_nothing(client: Client) -> None:
    study = client.submit(SPEC | {"name": "<script>alert(1)</script>"})
    shown = study._repr_html_()
    assert "<script>" not in shown
    assert f'href="{client.page(study.id)}"' in shown
    assert "queued" in shown
    client.cancel(study.id)


def test_the_table_is_a_data_frame_where_pandas_is_installed(finished: tuple[str, str]) -> None:
    address, study_id = finished
    with Client(address) as client:
        study = client.study(study_id)
        try:
            import pandas as pd  # type: ignore[import-not-found, import-untyped, unused-ignore]
        except ImportError:
            with pytest.raises(ImportError, match="sensitivity_rows"):
                study.sensitivity()
            return
        table = study.sensitivity()
        assert isinstance(table, pd.DataFrame)
        assert len(table) == len(study.sensitivity_rows())
