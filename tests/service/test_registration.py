"""Describing a task in a process of its own: of what it writes, the end is shown."""

import sys
from subprocess import PIPE, Popen

import pytest

from service import registration
from service.registration import Written
from tests.patience import PATIENCE_SECONDS


@pytest.mark.parametrize(("lines", "cut"), [(3, False), (50_000, True)])
def test_of_what_a_description_writes_the_end_is_shown(
    lines: int, cut: bool, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "_LAST_WORDS_SECONDS", PATIENCE_SECONDS)
    program = f"import sys; sys.stderr.write('line of words\\n' * {lines} + 'the last one')"
    process = Popen([sys.executable, "-c", program], stderr=PIPE)
    written = Written(process)
    process.wait()
    written.show()
    shown = capfd.readouterr().err
    assert shown.endswith("line of words\nthe last one")
    assert ("[the last 4000 of 700012 bytes that it wrote]" in shown) is cut
    assert len(shown) < 4_100
