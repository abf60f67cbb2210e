"""Recognise the columns of a learning-rate sweep by the names that people give them."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from parametrization.sweeps.refused import SweepRefused

Convert: TypeAlias = Callable[[float], float]
"""A cell to log2 of the learning rate."""

WIDTH: Final = (
    "width", "dmodel", "modelwidth", "hiddensize", "hiddendim", "nembd", "embeddim", "modeldim",
    "dim", "hidden",
)  # fmt: skip
SEED: Final = ("seed", "randomseed", "rngseed", "run", "trial", "replicate")
LOSS: Final = (
    "loss", "finalloss", "trainloss", "trainingloss", "finaltrainloss", "valloss", "validationloss",
    "evalloss", "testloss", "val",
)  # fmt: skip
"""The first that is there is taken."""
DIVERGED: Final = ("diverged", "isdiverged", "nan", "exploded")
AXES: Final[Mapping[str, tuple[str, ...]]] = {
    "depth": ("depth", "layers", "nlayers", "numlayers", "nlayer", "hiddenlayers", "blocks"),
    "batch": ("batch", "batchsize", "globalbatchsize", "bs", "nbatch"),
    "tokens": (
        "tokens", "ntokens", "numtokens", "traintokens", "samples", "steps", "nsteps", "epoch",
        "epochs",
    ),
}  # fmt: skip
"""Axes beside width: a table of several values of one is taken apart by them."""

STEPS: Final = ("steps", "nsteps")
"""Of them those that count a run's updates."""


def _log2_of(rate: float) -> float:
    if rate <= 0:
        raise ValueError("must be positive")
    return math.log2(rate)


RATE: Final[Mapping[str, Convert]] = {
    "learningrate": _log2_of,
    "lr": _log2_of,
    "baselr": _log2_of,
    "peaklr": _log2_of,
    "maxlr": _log2_of,
    "eta": _log2_of,
    "log2lr": lambda at: at,
    "log2learningrate": lambda at: at,
    "lglr": lambda at: at,
    "log10lr": lambda at: at * math.log2(10),
    "log10learningrate": lambda at: at * math.log2(10),
    "lnlr": lambda at: at * math.log2(math.e),
}


class Columns(NamedTuple):
    """The columns of a table by their meaning, with their names in the file."""

    width: str
    rate: str
    to_log2: Convert
    loss: str
    seed: str | None
    diverged: str | None
    others: tuple[str, ...]
    """Columns that are none of these, in the table's order."""
    said: tuple[str, ...]
    """The choices that were made among columns, in words."""


def recognised(names: Sequence[str], *, loss: str | None = None) -> Columns:
    """The columns of a table with these names.

    Args:
        loss: name of the column to take as the loss; default: by its name.

    Raises:
        SweepRefused: if width, rate or loss is missing or several columns could be meant.

    """
    plain = {name: _plain(name) for name in names}
    if len(set(names)) < len(names):
        raise SweepRefused(f"two columns have the same name: {', '.join(names)}")
    if loss is not None and loss not in names:
        raise SweepRefused(f"no column {loss!r}: there are {', '.join(names)}")
    width = _only(plain, WIDTH, "the width", "width")
    rate = _only(plain, RATE, "the learning rate", "learning_rate, lr or log2_lr")
    losses = [name for wanted in LOSS for name in names if plain[name] == wanted]
    if loss is None and not losses:
        raise SweepRefused(
            f"no column is the loss: there are {', '.join(names)}; name it loss, train_loss or"
            " val_loss, or say which it is with --loss"
        )
    chosen = loss or losses[0]
    unused = [name for name in losses if name != chosen]
    seed = next((name for name in names if plain[name] in SEED), None)
    diverged = next((name for name in names if plain[name] in DIVERGED), None)
    taken = {width, rate, chosen, seed, diverged, *unused}
    return Columns(
        width,
        rate,
        RATE[plain[rate]],
        chosen,
        seed,
        diverged,
        tuple(name for name in names if name not in taken),
        tuple(_said(chosen, unused, seed)),
    )


def axis_of(name: str) -> str | None:
    """The axis beside width that a column holds; None if it is none."""
    return next((axis for axis, names in AXES.items() if _plain(name) in names), None)


def steps_among(names: Iterable[str]) -> str | None:
    """The column that counts a run's updates; None if there is none."""
    return next((name for name in names if _plain(name) in STEPS), None)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _only(plain: Mapping[str, str], wanted: Iterable[str], what: str, usual: str) -> str:
    known = set(wanted)
    found = [name for name, short in plain.items() if short in known]
    if not found:
        raise SweepRefused(f"no column is {what}: there are {', '.join(plain)}; name it {usual}")
    if len(found) > 1:
        raise SweepRefused(
            f"{' and '.join(found)} could both be {what}: keep one of them in the table"
        )
    return found[0]


def _said(loss: str, unused: Sequence[str], seed: str | None) -> Iterable[str]:
    if unused:
        yield f"the loss is {loss}; {', '.join(unused)} was not read (--loss names another)"
    if seed is None:
        yield "no column is the seed: each row counts as a trial of its own"
