"""Tasks in files: found, versioned with what they import, loaded, and refused in words."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from widthwise.task import Task
from widthwise.task_loading import load_task
from widthwise.task_source import TaskSource
from widthwise.task_words import TaskRefused

WHOLE = """
from widthwise.task import Task

class Mine(Task):
    def model(self, width, depth): ...
    def loss(self, model, batch): ...
    def batch(self, seed, step, size): ...
"""


@pytest.fixture(autouse=True)
def _own_modules(tmp_path: Path) -> Iterator[None]:
    before, path = set(sys.modules), sys.path.copy()
    yield
    sys.path[:] = path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def written(folder: Path, **files: str) -> TaskSource:
    """A source whose file is the first of these; `a_in_b` is written to `b/a.py`."""
    for name, text in files.items():
        path = folder / f"{'/'.join(reversed(name.split('_in_')))}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return TaskSource.parse(str(folder / f"{next(iter(files))}.py"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.py:B:C", "'a.py:B:C' names no class: write FILE.py:Class, with one colon"),
        ("a.py:B C", "names no class"),
        ("a.py:", "names no class"),
        ("a.pkl", "'a.pkl' is no Python source (.py): tasks are read from source, never from"),
        ("model.pt:Task", "is no Python source"),
        ("a.py\n", r"a.py\u000a holds a character that is not shown: remove it"),
        ("a\u202e.py", r"a\u202e.py holds a character that is not shown: remove it"),
        ("../a.py", "there is no file ../a.py"),
        ("nowhere.py", "there is no file nowhere.py: check its name"),
        ("folder.py", "there is no file folder.py"),
        ("link.py", "link.py is a symbolic link to "),
    ],
)
def test_what_names_no_task_is_refused_with_the_reason(
    tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "real.py").write_text(WHOLE)
    (tmp_path / "link.py").symlink_to(tmp_path / "real.py")
    with pytest.raises(TaskRefused, match=re.escape(words)):
        TaskSource.parse(text, tmp_path)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("nano gpt/train.py:Task", "nano-gpt-train"),
        ("Größe/train.py", "gr-e-train"),
        ("where/own_gpt.py:Task", "own_gpt"),
        ("where/own_gpt.py:Wide", "own_gpt-wide"),
    ],
)
def test_a_task_is_named_by_its_file(tmp_path: Path, text: str, name: str) -> None:
    path = tmp_path / text.partition(":")[0]
    path.parent.mkdir()
    path.write_text(WHOLE)
    assert TaskSource.parse(text, tmp_path).usual_name == name


def test_its_version_is_that_of_all_it_imports_from_its_folder(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        train="import json, torch\nfrom parts.layers import Block\nimport data\n" + WHOLE,
        data="def read():\n    import deep\n",
        deep="",
        __init___in_parts="",
        layers_in_parts="from . import norms\n",
        norms_in_parts="",
        unrelated="",
    )
    names = [str(path.relative_to(tmp_path)) for path in source.files]
    expected = ["train", "data", "deep", "parts/__init__", "parts/layers", "parts/norms"]
    assert names == [f"{name}.py" for name in expected]
    before = source.version()
    (tmp_path / "unrelated.py").write_text("changed = 1")
    assert source.version() == before
    for name in names:
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(f"{text}\n# changed")
        assert source.version() != before, name
        (tmp_path / name).write_text(text)
    assert source.version() == before


def test_a_file_with_the_name_of_widthwises_own_package_is_refused(tmp_path: Path) -> None:
    source = written(tmp_path, train="import workers\n" + WHOLE, workers="")
    with pytest.raises(TaskRefused, match=r"imports workers, which is Widthwise's own .* rename"):
        source.version()


def test_the_only_task_of_a_file_need_not_be_named(tmp_path: Path) -> None:
    task = load_task(written(tmp_path, train=WHOLE))
    assert issubclass(task, Task)
    assert task.__name__ == "Mine"


def test_two_folders_may_have_modules_of_one_name(tmp_path: Path) -> None:
    for name, number in (("a", 64), ("b", 96)):
        source = written(
            tmp_path / name,
            train=f"from sizes import WIDTH\n{WHOLE}    base_width = WIDTH\n",
            sizes=f"WIDTH = {number}\n",
        )
        assert load_task(source).base_width == number


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_like_it", "ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("\n\n1 / 0", r"ZeroDivisionError: division by zero (train.py, line 3, in <module>)"),
        ("import sys\nsys.exit(3)", "importing train.py failed: SystemExit: 3 (train.py, line 2"),
        ("import sys\nsys.exit(3)", "reads arguments below `if __name__ == '__main__':`"),
        ("from .sizes import WIDTH", "so write `from helper import x` for helper.py beside it"),
        ("import nothing_like_it", "install it in the environment that widthwise runs in"),
        ("x = 1", "which class of train.py? Write train.py:Class: it defines no class derived"),
        (f"{WHOLE}\nclass Other(Mine): ...\n", "it defines Mine, Other"),
        (f"{WHOLE}    base_width = 0\n", "train.py: base_width is 0: give a whole number from 1"),
    ],
)
def test_a_file_that_gives_no_task_is_refused_with_the_line(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(TaskRefused, match=re.escape(words)):
        load_task(written(tmp_path, train=text))


def test_a_task_that_another_file_defines_is_named(tmp_path: Path) -> None:
    source = written(tmp_path, train="from shared import Mine", shared=WHOLE)
    with pytest.raises(TaskRefused, match="derived from Task, and imports Mine"):
        load_task(source)


def test_a_file_that_is_no_python_is_forgotten_when_the_next_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(
        TaskRefused, match=r"train\.py failed: SyntaxError: [^(]*\(train\.py, line 1"
    ):
        load_task(written(tmp_path / "a", train="def (:"))
    assert load_task(written(tmp_path / "b", train=WHOLE)).__name__ == "Mine"


def test_what_is_no_python_is_refused_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(TaskRefused, match=r"cannot read .*train\.py: SyntaxError: .*line 2"):
        written(tmp_path, train="x = 1\ndef (:").version()


def test_a_class_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    path = written(tmp_path, train=WHOLE).path
    with pytest.raises(TaskRefused, match=r"train\.py has no Yours: it defines Mine"):
        load_task(TaskSource.parse(f"{path}:Yours"))
