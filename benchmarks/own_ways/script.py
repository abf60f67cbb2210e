"""A GPT and its training loop without any Widthwise, and every text that a way adds to it."""

import shutil
from pathlib import Path
from typing import Any, Final

from benchmarks.own_ways.terminal import ROOT

EXAMPLE: Final = ROOT / "examples" / "own_gpt"
_CLASS: Final = ("# This class is all that Widthwise needs.\n", "def main() -> None:\n")
_IMPORT: Final = "import widthwise\n\n"
_LOOP_ONLY: Final = '"""Train a small GPT on the text of this folder."""\n'


def write_script(folder: Path) -> None:
    """The example's model and training loop, without what makes it an example."""
    folder.mkdir()
    shutil.copy(EXAMPLE / "model.py", folder)
    text = (EXAMPLE / "train.py").read_text()
    _, _, rest = text.partition('"""\n\n')
    loop = f"{_LOOP_ONLY}\n{rest}".replace(task_class(), "").replace(_IMPORT, "")
    (folder / "train.py").write_text(loop)


def task_class() -> str:
    """The example's class, with its comment."""
    begin, end = _CLASS
    text = (EXAMPLE / "train.py").read_text()
    return text[text.index(begin) : text.index(end)]


def add_class(script: Path) -> str:
    """Write the class into the script; the text that was added."""
    text = script.read_text()
    _, end = _CLASS
    with_class = text.replace(end, f"{task_class()}{end}")
    script.write_text(with_class.replace("\nCONTEXT = ", f"\n{_IMPORT}CONTEXT = "))
    return f"{_IMPORT}{task_class().rstrip()}\n"


def make_package(folder: Path) -> str:
    """Move the script into a package beside it, and import its modules as those; what was done."""
    package = folder / "own_gpt"
    package.mkdir()
    (package / "__init__.py").touch()
    for name in ("model.py", "train.py"):
        (folder / name).rename(package / name)
    script = package / "train.py"
    script.write_text(script.read_text().replace("from model import", "from own_gpt.model import"))
    return (
        "mkdir own_gpt; touch own_gpt/__init__.py; mv model.py train.py own_gpt\n"
        "# in own_gpt/train.py\nfrom own_gpt.model import HEAD_SIZE, Gpt\n"
    )


def declare_package(folder: Path) -> str:
    """Write the package's two further files; their texts."""
    project, declarations = (
        (EXAMPLE / "package" / name).read_text() for name in ("pyproject.toml", "declarations.py")
    )
    (folder / "pyproject.toml").write_text(project)
    (folder / "own_gpt" / "declarations.py").write_text(declarations)
    return f"# pyproject.toml\n{project}\n# own_gpt/declarations.py\n{declarations}"


def add_trainer(folder: Path, target: dict[str, int], further: dict[str, Any]) -> str:
    """Write the loop over leased trials, for a target, with further fields of its study."""
    text = (EXAMPLE / "trainer.py").read_text()
    (line,) = (line for line in text.splitlines() if line.lstrip().startswith('"target": '))
    fields = {"target": target} | further
    lines = "".join(f'        "{name}": {value!r},\n' for name, value in fields.items())
    written = text.replace(f"{line}\n", lines)
    (folder / "trainer.py").write_text(written)
    return written
