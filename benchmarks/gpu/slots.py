"""Section 7: what a GPU does in 1, 2 and 4 slots, each a process with its share of the memory."""

import tempfile
import time
from pathlib import Path
from typing import Final

from benchmarks.gpu.section import Section, run
from benchmarks.gpu.trials import specs
from tuner.engine.orders import OpenTrial, OrderId, TrainOrder
from tuner.engine.packing import Packing
from tuner.engine.reports import Reached
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from workers.engines.local import LocalEngine

SLOTS: Final = (1, 2, 4)
TRIALS: Final = 64
"""Of all slots together."""
_STEPS: Final = (50, 450)
"""The first rung warms up; the steps to the second are timed."""


def measure(section: Section) -> None:
    """The same trials, divided among the slots."""
    for slots in SLOTS[: 1 if section.rehearsed else None]:
        if section.seconds_left < 4:
            break
        with section.trying(slots=slots) as row, tempfile.TemporaryDirectory() as folder:
            engine = LocalEngine(slots, Path(folder), gpus=0 if section.rehearsed else 1)
            try:
                row["trial_steps_a_second"] = _rate(section, engine, slots)
            finally:
                engine.close()


def _rate(section: Section, engine: LocalEngine, slots: int) -> float:
    warm, last = (1, 3) if section.rehearsed else _STEPS
    each = 2 if section.rehearsed else TRIALS // slots
    for number in range(slots):
        engine.start(_order(number, each, (warm, last), section))
    first: dict[str, float] = {}
    ends: dict[str, float] = {}
    while len(ends) < slots:
        for report in engine.wait(1.0):
            if report.kind in ("failed", "lost"):
                raise RuntimeError(report.model_dump_json())
            times = first if isinstance(report, Reached) else ends
            times[report.order_id] = time.monotonic()
        if section.seconds_left < 0:
            raise TimeoutError("the section's time is over")
    return slots * each * (last - warm) / (max(ends.values()) - min(first.values()))


def _order(number: int, trials: int, rungs: tuple[int, ...], section: Section) -> TrainOrder:
    family = Mlp(name="mlp", depth=2) if section.rehearsed else Gpt(name="gpt", depth=2, context=64)
    width = 16 if section.rehearsed else 128
    made = specs(family, trials=trials, width=width, batch_size=16, precision="fp32")
    kind = section.device.type
    return TrainOrder(
        id=OrderId(f"order-{number}"),
        study_id=f"study-{number}",
        attempt=1,
        trials=tuple(OpenTrial(spec=spec, start=None) for spec in made),
        rungs=rungs,
        packing=Packing(way="fused", least=2, most=trials, speedup=2.0, device=kind),
    )


if __name__ == "__main__":
    run(measure)
