"""Count what a step launches on a GPU, and model how long it takes, without a GPU.

    python -m benchmarks.throughput.launches --json

One step of every workload is traced on tensors without memory, and its operations are counted by
phase: alone; in a cohort as the model and the optimizer are written; and in a cohort as the engine
trains it, with its own kernels and a compiled update. Every operation counts as one launch, though
torch takes several for some (sorting, an embedding's gradient). `milliseconds` is the model of
`benchmarks.throughput.device_costs`; `ratio` trial-steps a second of the cohort over one eager
process by that model. `sent` is what the host sends a step, of batches and schedules.
"""

from typing import Any, Final

import torch

from benchmarks.report import command_line, give
from benchmarks.throughput.device_costs import Costs, costs_of, peak_bytes
from benchmarks.throughput.fused_kernels import fused_kernels
from benchmarks.throughput.traced_steps import AS_WRITTEN, Traced, traced_alone, traced_cohort
from benchmarks.throughput.workloads import ADAMW, MUON, Workload
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from workers.slot.process import settle_torch

_BF16: Final = torch.bfloat16
WORKLOADS: Final = {
    "mlp-w128-b128": Workload(Mlp(name="mlp"), 128, 128),
    "gpt-w128-l2-t64-b16": Workload(Gpt(name="gpt", depth=2, context=64), 128, 16, _BF16),
    "gpt-w128-l4-t128-b16": Workload(Gpt(name="gpt", depth=4, context=128), 128, 16, _BF16),
    "gpt-w256-l8-t1024-b8": Workload(Gpt(name="gpt", depth=8, context=1024), 256, 8, _BF16),
}
ROWS: Final = (
    ("mlp-w128-b128", ADAMW, 64),
    ("gpt-w128-l2-t64-b16", ADAMW, 64),
    ("gpt-w128-l2-t64-b16", MUON, 64),
    ("gpt-w128-l4-t128-b16", ADAMW, 64),
    ("gpt-w256-l8-t1024-b8", ADAMW, 8),
)
QUICK: Final = ROWS[:2]
_UPDATE_KERNEL_BYTES: Final = 7
"""Passes over the parameters that a fused update makes: gradient, value, two moments, read or
written."""
MIB: Final = 2**20


def measure_row(name: str, optimizer: str, trials: int) -> dict[str, Any]:
    """One workload in all its forms."""
    workload = WORKLOADS[name]
    alone = _alone(workload, optimizer)
    written = traced_cohort(workload, optimizer, trials, device_type=AS_WRITTEN)
    engine = traced_cohort(workload, optimizer, trials)
    fused = fused_kernels(engine.update, engine.arguments)
    fused_alone = fused_kernels(engine.update_alone, engine.arguments[:3])
    gradients, update = costs_of(engine.gradients), _fused_costs(engine, fused)
    whole = gradients.plus(update)
    return {
        "workload": name,
        "optimizer": optimizer,
        "trials": trials,
        "alone": _shown(alone),
        "as_written": _phases(
            written,
            costs_of(written.gradients),
            costs_of(written.update),
            costs_of(written.update_alone).launches,
        ),
        "engine": _phases(engine, gradients, update, fused_alone),
        "ratio": round(trials * alone.eager_seconds / whole.graph_seconds, 1),
    }


def _alone(workload: Workload, optimizer: str) -> Costs:
    """Gradients, and torch's own loop after them: a fused kernel a group, and two norms."""
    graph, lone = traced_alone(workload, optimizer)
    parameters = sum(tensor.nbytes for tensor in lone.model.parameters())
    launches = len(lone.optimizer.param_groups) + 4
    moved = (_UPDATE_KERNEL_BYTES + 2) * parameters
    return costs_of(graph).plus(Costs(launches, moved, 0, launches * 1.4e-6, launches * 6e-6))


def _fused_costs(engine: Traced, kernels: int) -> Costs:
    """Of the compiled update: as many kernels, products as written, all else read once."""
    eager = costs_of(engine.update)
    moved = min(eager.bytes_moved, 2 * engine.resident_bytes + engine.resident_bytes // 3)
    seconds = kernels * 1.4e-6 + moved / 2.6e12 + eager.flops / 4.0e13
    return Costs(kernels, moved, eager.flops, seconds, kernels * 6e-6 + seconds)


def _phases(
    traced: Traced, gradients: Costs, update: Costs, of_update_alone: int
) -> dict[str, Any]:
    return {
        **_shown(gradients.plus(update)),
        "launches_of": {
            "gradients": gradients.launches,
            "update": of_update_alone,
            "norms": update.launches - of_update_alone,
        },
        "sent": {"copies": round(traced.sent.copies, 3), "bytes": traced.sent.bytes},
        "peak_mib": (traced.resident_bytes + peak_bytes(traced.gradients)) // MIB,
    }


def _shown(costs: Costs) -> dict[str, Any]:
    return {
        "launches": costs.launches,
        "mib_moved": costs.bytes_moved // MIB,
        "gflops": round(costs.flops / 1e9, 1),
        "milliseconds": {
            "graph": round(1e3 * costs.graph_seconds, 2),
            "eager": round(1e3 * costs.eager_seconds, 2),
        },
    }


def main() -> None:
    """Print the counts."""
    parser = command_line(__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two rows")
    parser.add_argument("--only", action="append", choices=list(WORKLOADS), help="these workloads")
    arguments = parser.parse_args()
    settle_torch()
    rows = [
        row
        for row in (QUICK if arguments.quick else ROWS)
        if not arguments.only or row[0] in arguments.only
    ]
    give({"rows": [measure_row(*row) for row in rows]}, arguments)


if __name__ == "__main__":
    main()
