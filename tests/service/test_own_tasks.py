"""Tasks in files, registered and tuned by the real service, in processes of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from service.registration import register
from tests.patience import PATIENCE_SECONDS
from tests.service.processes import command_of, descendants_of, is_running
from tests.service.running import wait_for
from widthwise.task_words import TaskRefused

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "own_gpt"
WIDTHWISE = (sys.executable, "-c", "from widthwise.cli.commands import app; app()")
BLOCKS = '    blocks = ["layers.*"]\n'


@pytest.fixture
def own_gpt(tmp_path: Path) -> Path:
    """The example's script, in a folder with a space."""
    folder = tmp_path / "own gpt"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "train.py"


def widthwise(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*WIDTHWISE, *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_told_to_end_ends_its_service(
    own_gpt: Path, number: signal.Signals
) -> None:
    tune = [*WIDTHWISE, "tune", "train.py:Task", "--target-width", "128", "--slots", "1"]
    # What started the tests may have had hang-ups ignored, as nohup does.
    command = ["env", "--default-signal=HUP", *tune]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=own_gpt.parent, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert any(line.startswith("submitted ") for line in process.stdout)
        family = descendants_of(process.pid)
        assert any("service.up" in command_of(pid) for pid in family)
        process.send_signal(number)
        process.stdout.read()
    assert process.returncode == 128 + number
    wait_for("the end of its service", lambda: not any(is_running(pid) for pid in family))
    assert not (own_gpt.parent / "widthwise-data" / "address").exists()


def test_a_refusal_can_be_pasted(own_gpt: Path, tmp_path: Path) -> None:
    text, model = own_gpt.read_text(), own_gpt.with_name("model.py")
    changed = model.read_text().replace(
        "        self.ln_f = ",
        "        self.mix = nn.Parameter(torch.randn(width, width))\n        self.ln_f = ",
    )
    model.write_text(
        changed.replace(
            "self.lm_head(self.ln_f(x_BTD))", "self.lm_head(self.ln_f(x_BTD) @ self.mix)"
        )
    )
    ran = widthwise("tune", "train.py:Task", "--target-width", "128", cwd=own_gpt.parent)
    assert ran.returncode == 1
    assert "no scaling rule for mix of Gpt" in ran.stderr
    pasted = re.search(r"roles = \{\n.*?\n\}", ran.stderr, re.DOTALL)
    assert pasted, ran.stderr
    roles = "".join(f"    {line}\n" for line in pasted[0].splitlines())
    imported = "from widthwise import Declaration, Role\n"
    assert imported in ran.stderr
    own_gpt.write_text(imported + text.replace(BLOCKS, BLOCKS + roles))
    assert register(str(own_gpt), tmp_path / "data", PATIENCE_SECONDS).name == "own-gpt-train"


@pytest.mark.parametrize(
    ("text", "seconds", "words"),
    [
        (
            "while True: pass",
            6,
            "took more than 6 s: what trains when the file is imported belongs",
        ),
        ("import os\nos._exit(7)", PATIENCE_SECONDS, "ended its process (exit status 7)"),
        ("raise SystemExit('no')", PATIENCE_SECONDS, "failed: SystemExit: no (train.py, line 1"),
    ],
)
def test_a_file_that_does_not_import_is_refused(
    tmp_path: Path, text: str, seconds: float, words: str
) -> None:
    path = tmp_path / "train.py"
    path.write_text(text)
    with pytest.raises(TaskRefused, match=re.escape(words)):
        register(str(path), tmp_path / "data", seconds)
    assert not list((tmp_path / "data").glob("tasks/*"))


def test_what_a_description_starts_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(
        "import os, subprocess, pathlib, threading, time\n"
        "threading.Thread(target=time.sleep, args=(1000,)).start()\n"
        "os.fork()\n"
        "child = subprocess.Popen(['sleep', '1000'])\n"
        "pathlib.Path(__file__).with_name('pid').write_text(str(child.pid))\n"
    )
    with pytest.raises(TaskRefused, match="it defines no class derived from Task"):
        register(str(path), tmp_path / "data", PATIENCE_SECONDS)
    child = int((tmp_path / "pid").read_text())
    wait_for("the end of its child", lambda: not is_running(child))


def test_two_files_cannot_have_one_name(own_gpt: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    found = register(str(own_gpt), data, PATIENCE_SECONDS)
    (stored,) = data.glob("tasks/*")
    other = found.model_copy(update={"source": f"{tmp_path}/train.py", "files": (own_gpt,)})
    stored.write_text(other.model_dump_json())
    with pytest.raises(TaskRefused, match="is registered as own-gpt-train already: give the class"):
        register(str(own_gpt), data, PATIENCE_SECONDS)


def test_a_familys_name_is_refused(own_gpt: Path, tmp_path: Path) -> None:
    own_gpt.write_text(own_gpt.read_text().replace(BLOCKS, f'{BLOCKS}    name = "gpt"\n'))
    with pytest.raises(TaskRefused, match="'gpt' cannot be a task's name"):
        register(str(own_gpt), tmp_path / "data", PATIENCE_SECONDS)
