"""Schedules as a table and a picture for readers: `python -m benchmarks.documents.schedules`.

Replaces what stands between the two markers of docs/schedules.md, and draws docs/schedules.png.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from parametrization.scaling.schedule import Schedule
from parametrization.schedules.declaration import ShapeDeclaration
from parametrization.schedules.registry import BUILT_IN
from parametrization.text.markdown import between, table

ROOT: Final = Path(__file__).resolve().parents[2]
DOCUMENT: Final = ROOT / "docs" / "schedules.md"
PICTURE: Final = ROOT / "docs" / "schedules.png"
BEGIN: Final = "<!-- tables: begin, written by benchmarks.documents.schedules -->"
END: Final = "<!-- tables: end -->"
STEPS: Final = 400
"""Updates of a drawn training."""
FULL: Final = 256
"""Examples of a drawn batch once it has grown."""


def rendered() -> str:
    """The built-in shapes in Markdown, a line each."""
    return table(["shape", "what it is", "numbers", "reads"], map(_row, BUILT_IN.values()))


def with_tables(document: str) -> str:
    """The document with its table replaced by the present one.

    Raises:
        ValueError: if a marker is missing.

    """
    return between(document, BEGIN, END, rendered())


def _row(shape: ShapeDeclaration) -> list[str]:
    numbers = (
        f"`{name}` {number.default:g} ({number.low:g} to {number.high:g}): {number.words}"
        for name, number in shape.numbers.items()
    )
    reads = ["`warmup_fraction`"]
    reads += ["`decay_fraction`"] if shape.stays else []
    reads += ["`final_fraction`"] if shape.ends else []
    return [f"`{shape.name}`", shape.words, "<br>".join(numbers) or "-", ", ".join(reads)]


def _drawn() -> Iterator[tuple[str, Schedule]]:
    for name, shape in BUILT_IN.items():
        schedule = Schedule(name)
        yield name, replace(schedule, final_fraction=0.1) if shape.ends else schedule
    yield "linear, batch warm-up", Schedule(batch_warmup_fraction=0.4)


def draw(path: Path) -> None:
    """Every shape over one training: factor on the rate, and on the batch where it grows."""
    from matplotlib.figure import Figure

    drawn = list(_drawn())
    columns = 4
    rows = -(-len(drawn) // columns)
    figure = Figure(figsize=(12, 2.4 * rows), layout="constrained")
    axes: Any = figure.subplots(rows, columns, sharex=True, sharey=True)
    for axis in axes.flat[len(drawn) :]:
        axis.set_axis_off()
    done = [step / STEPS for step in range(STEPS)]
    for axis, (title, schedule) in zip(axes.flat, drawn, strict=False):
        factors = [schedule.factor(step, STEPS) for step in range(STEPS)]
        axis.plot(done, factors, label="learning rate")
        if schedule.grows_batch:
            sizes = [schedule.batch_size(step, STEPS, FULL) / FULL for step in range(STEPS)]
            axis.plot(done, sizes, linestyle="--", label="batch")
        axis.set_title(title, fontsize=10)
        axis.set_ylim(0, 1.05)
    figure.legend(*axes.flat[-2].get_legend_handles_labels(), loc="lower right", fontsize=11)
    figure.supxlabel("share of the updates of training")
    figure.supylabel("share of the peak rate, of the full batch")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Write both."""
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text()))
    draw(PICTURE)
    print(f"wrote {DOCUMENT} and {PICTURE}")


if __name__ == "__main__":
    main()
