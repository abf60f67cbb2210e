"""Say how an order's trials train together on the GPU that has them, whichever measured first."""

from pathlib import Path

import torch

from tuner.engine.orders import ProbeOrder, TrainOrder
from tuner.engine.packing import Packing
from workers.cohort.programs import Programs
from workers.packing.kept_cohort import KeptCohort
from workers.packing.probe import probe
from workers.packing.stored_probes import memory_of, recall


def gpu_name(device: str) -> str:
    """The model of a GPU, in its maker's words; empty on the CPU."""
    return "" if device == "cpu" else torch.cuda.get_device_name(device)


def packing_here(
    order: TrainOrder, programs: Programs, kept: KeptCohort, folder: Path, device: str
) -> Packing:
    """The order's packing; where a GPU of another model measured it, this one's own.

    What another GPU measured says which trials are in the order, and nothing of what is fast here,
    or of how many fit.

    Args:
        kept: closed where this GPU measures, once for each shape: it needs the memory.
        folder: where the machine remembers its probes.

    """
    packing, first = order.packing, order.trials[0].spec
    measured_on = packing.device_name
    if not measured_on or packing.way == "solo" or measured_on == gpu_name(device):
        return packing
    asked = ProbeOrder(
        id=order.id,
        study_id=order.study_id,
        trial=first.model_copy(update={"training": first.training.at_full_batch}),
        trials=packing.most,
        device_kind="cuda",
    )
    if recall(memory_of(asked, packing.most, device, folder)) is None:
        kept.close()
    return probe(asked, programs, folder, device)
