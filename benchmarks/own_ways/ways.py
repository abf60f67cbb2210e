"""The three ways from a training script to an answer, as a user goes them."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from benchmarks.own_ways import script
from benchmarks.own_ways.terminal import PACKAGES, Action, Terminal
from widthwise.address import find_address
from widthwise.client import Client

TARGET: Final = {"width": 1024, "tokens": 1_000_000}


class Size(NamedTuple):
    """Extent of the study: the service's own numbers where nothing is said."""

    steps: int | None = None
    trials: int | None = None
    further: Mapping[str, Any] = {}
    """Fields that no option of `widthwise tune` has."""

    @property
    def options(self) -> str:
        """The options of `widthwise tune` that say it, beside the further fields."""
        given = {"--steps": self.steps, "--trials": self.trials}
        return "".join(f" {name} {value}" for name, value in given.items() if value is not None)

    @property
    def fields(self) -> dict[str, Any]:
        """The same as fields of a study."""
        training = {} if self.steps is None else {"training": {"steps": self.steps}}
        search = {} if self.trials is None else {"search": {"trials": self.trials}}
        return {**training, **search, **self.further}


QUICK: Final = Size(
    further={
        "training": {"steps": 10, "batch_size": 2},
        "search": {"trials": 2, "batch_size": 2},
        "check": {"widths": [16, 32, 64]},
        "measure": {"widths": [16, 32, 64], "grid_points": 5},
        "on_failed_check": "warn",
        "proxy_width": 16,
    }
)
"""A study that shows that a way leads to its end; its answer means nothing."""
_DATA: Final = "widthwise-data"
_ANSWER: Final = "recommendation.json"
_INSTALL: Final = (
    f"uv pip install --quiet --offline --no-deps --no-build-isolation --target {PACKAGES} ."
)
"""`pip install .` where nothing may be loaded, and no environment changed."""


class Gone(NamedTuple):
    """A way that was gone to its end."""

    actions: list[Action]
    answer: Mapping[str, Any]
    """The recommendation."""

    @property
    def minutes(self) -> float:
        """Minutes of all actions whose time was measured."""
        return sum(action.seconds or 0.0 for action in self.actions) / 60

    @property
    def cpu_minutes(self) -> float:
        """Minutes of processor time of all processes."""
        return sum(action.cpu_seconds or 0.0 for action in self.actions) / 60


def file(folder: Path, size: Size) -> Gone:
    """A class in the script."""
    terminal = Terminal(folder)
    terminal.edit("write the class into train.py", script.add_class(folder / "train.py"))
    return _tuned(terminal, "train.py:Task", size)


def package(folder: Path, size: Size) -> Gone:
    """The class in an installed package."""
    terminal = Terminal(folder)
    moved = script.make_package(folder)
    added = script.add_class(folder / "own_gpt" / "train.py")
    terminal.edit("make the script a package, and write the class into it", f"{moved}\n{added}")
    terminal.edit("declare the package and its task", script.declare_package(folder))
    terminal.run("install the package", _INSTALL)
    return _tuned(terminal, "own_gpt", size)


def trainer(folder: Path, size: Size) -> Gone:
    """The script's own loop over leased trials."""
    terminal = Terminal(folder)
    added = script.add_trainer(folder, TARGET, size.fields)
    terminal.edit("write trainer.py, a loop over leased trials", added)
    terminal.run(
        "write down the model's shapes",
        "widthwise shapes trainer.py:build --base-width 64 --blocks 'layers.*'"
        " --output shapes.json",
    )
    with _service(terminal) as client:
        terminal.run("train what is due", "python trainer.py")
        (study,) = next(client.study_pages())["studies"]
        return Gone(terminal.actions, client.recommendation(study["id"]))


class Way(NamedTuple):
    """One of the three."""

    words: str
    go: Callable[[Path, Size], Gone]


WAYS: Final[Mapping[str, Way]] = {
    "file": Way("a class in the script", file),
    "package": Way("the class in an installed package", package),
    "trainer": Way("your own loop over leased trials", trainer),
}


def _tuned(terminal: Terminal, task: str, size: Size) -> Gone:
    """`widthwise tune`, which starts the service and stops it."""
    typed = (
        f"widthwise tune {task} --target-width {TARGET['width']}"
        f" --target-tokens {TARGET['tokens']}{size.options}"
    )
    if size.further:
        (terminal.folder / "further.yaml").write_text(yaml.safe_dump(dict(size.further)))
        typed += " --spec further.yaml"
    terminal.run("tune it", typed)
    return Gone(terminal.actions, json.loads((terminal.folder / _ANSWER).read_text()))


@contextmanager
def _service(terminal: Terminal) -> Iterator[Client]:
    """`widthwise up` in another terminal; a client of it."""
    with (
        terminal.running("start the service", "widthwise up --port 0", "Widthwise is at"),
        Client(find_address(None, terminal.folder / _DATA)) as client,
    ):
        yield client
