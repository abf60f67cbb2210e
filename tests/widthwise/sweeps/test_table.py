"""A table of losses: its columns, its troubles in words, and the sweeps that it holds."""

import math
from pathlib import Path

import pytest

from parametrization.sweeps.columns import recognised
from parametrization.sweeps.refused import SweepRefused
from parametrization.sweeps.table import parse_table
from tests.widthwise.sweeps.tables import steady, sweep_rows, write_csv
from widthwise.errors import WidthwiseError
from widthwise.sweeps.table import read_table


@pytest.mark.parametrize(
    ("names", "width", "rate", "loss"),
    [
        (["width", "learning_rate", "seed", "loss"], "width", "learning_rate", "loss"),
        (["d_model", "lr", "val_loss"], "d_model", "lr", "val_loss"),
        (
            ["Hidden Size", "log2_lr", "train_loss", "val_loss"],
            "Hidden Size",
            "log2_lr",
            "train_loss",
        ),
        (["n_embd", "log10(lr)", "final_loss"], "n_embd", "log10(lr)", "final_loss"),
    ],
)
def test_columns_are_known_by_their_usual_names(
    names: list[str], width: str, rate: str, loss: str
) -> None:
    found = recognised(names)

    assert (found.width, found.rate, found.loss) == (width, rate, loss)


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("lr", 2.0**-5),
        ("log2_lr", -5.0),
        ("log10_lr", -5 * math.log10(2)),
        ("ln_lr", -5 * math.log(2)),
    ],
)
def test_rates_are_read_on_every_scale(name: str, cell: float) -> None:
    assert recognised(["width", name, "loss"]).to_log2(cell) == pytest.approx(-5.0)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["lr", "loss"], "no column is the width: there are lr, loss; name it width"),
        (["width", "loss"], "no column is the learning rate"),
        (["width", "lr"], "or say which it is with --loss"),
        (["width", "lr", "log2_lr", "loss"], "lr and log2_lr could both be the learning rate"),
        (["width", "d_model", "lr", "loss"], "width and d_model could both be the width"),
        (["width", "lr", "lr", "loss"], "two columns have the same name"),
    ],
)
def test_a_column_that_is_missing_or_doubtful_is_named(names: list[str], words: str) -> None:
    with pytest.raises(SweepRefused, match=words):
        recognised(names)


def test_a_choice_that_was_made_is_said() -> None:
    found = recognised(["width", "lr", "train_loss", "val_loss"])

    assert found.said == (
        "the loss is train_loss; val_loss was not read (--loss names another)",
        "no column is the seed: each row counts as a trial of its own",
    )
    other = recognised(["width", "lr", "train_loss", "val_loss"], loss="val_loss")
    assert other.loss == "val_loss"
    with pytest.raises(SweepRefused, match="no column 'bpb'"):
        recognised(["width", "lr", "loss"], loss="bpb")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_is_read_whatever_parts_its_cells(tmp_path: Path, delimiter: str) -> None:
    path = write_csv(tmp_path / "sweep.csv", sweep_rows(steady), delimiter)

    table = read_table(path)

    (group,) = table.groups
    assert table.rows == 3 * 8 * 2
    assert group.where == {}
    assert list(group.sweep) == [64, 128, 256]
    assert group.sweep[64][-2.0] == {"0": None, "1": None}
    assert group.sweep[64][-5.0]["0"] == pytest.approx(math.exp(1.0 + 0.05 * 0.09))


@pytest.mark.parametrize("cell", ["nan", "inf", "NaN", "diverged", ""])
def test_a_loss_that_is_no_number_is_a_run_that_diverged(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "sweep.csv"
    path.write_text(f"width,lr,loss\n64,0.1,{cell}\n64,0.05,1.0\n")

    (group,) = read_table(path).groups

    assert group.sweep[64][round(math.log2(0.1), 6)] == {"1": None}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("width,lr,loss\n", "no row below the names"),
        ("width,lr,loss\n64,0.1\n", "line 2: 2 cells, and 3 columns"),
        ("width,lr,loss\n64,0.1,1\n64,fast,1\n", "line 3: lr 'fast' is not a number"),
        ("width,lr,loss\n64,-0.1,1\n", "line 2: lr '-0.1' must be positive"),
        ("width,lr,loss\n64.5,0.1,1\n", "line 2: width '64.5' is not a whole number above 0"),
        ("width,lr,loss\n64,0.1,-2\n", "line 2: loss -2 is not positive"),
        (
            "width,lr,seed,loss\n64,0.1,0,1\n64,0.1,0,2\n",
            "same width, learning rate and seed have different losses: lines 2 and 3",
        ),
    ],
)
def test_what_is_missing_or_contradictory_is_said(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "sweep.csv"
    path.write_text(text)

    with pytest.raises(WidthwiseError, match=words):
        read_table(path)


def test_a_row_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "sweep.csv"
    path.write_text("width,lr,seed,loss\n64,0.125,0,1\n64,0.125,0,1\n")

    (group,) = read_table(path).groups

    assert group.sweep == {64: {-3.0: {"0": 1.0}}}


def test_a_table_of_several_settings_is_taken_apart_by_them(tmp_path: Path) -> None:
    rows = [
        {"optimizer": name, "epoch": epoch, **row, "accuracy": number / 1000}
        for name in ("sgd", "adamw")
        for epoch in (1, 2)
        for number, row in enumerate(sweep_rows(steady))
    ]

    table = read_table(write_csv(tmp_path / "sweep.csv", rows))

    assert [group.where for group in table.groups] == [
        {"optimizer": name, "epoch": epoch} for name in ("sgd", "adamw") for epoch in ("1", "2")
    ]
    assert "taken apart by optimizer, epoch: 4 sweeps" in table.said


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(WidthwiseError, match="cannot read"):
        read_table(tmp_path / "none.csv")


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    """Spreadsheets write one, and who posts a table sends it along."""
    path = write_csv(tmp_path / "plain.csv", sweep_rows(steady))
    text = path.read_text(encoding="utf-8")
    assert parse_table("\ufeff" + text) == read_table(path)
