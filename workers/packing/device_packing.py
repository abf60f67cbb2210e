"""Say how an order's trials train together on the device that has them, whoever measured first."""

from pathlib import Path

from tuner.engine.orders import ProbeOrder, TrainOrder
from tuner.engine.packing import Packing
from workers.cohort.programs import Programs
from workers.device.device_name import device_name
from workers.packing.kept_cohort import KeptCohort
from workers.packing.probe import probe
from workers.packing.stored_probes import memory_of, recall


def probes_in(folder: Path, accelerator: str) -> Path:
    """The folder of one kind's probes: machines that share the other folder may share a name.

    Args:
        accelerator: what the machine's owner calls the kind; empty where it has no name.

    """
    return folder / "kinds" / accelerator.replace("/", "-") if accelerator else folder


def packing_here(
    order: TrainOrder,
    programs: Programs,
    kept: KeptCohort,
    folder: Path,
    device: str,
    accelerator: str = "",
) -> Packing:
    """The order's packing; where a device of another model measured it, this one's own.

    What another one measured says which trials are in the order, and nothing of what is fast here,
    or of how many fit.

    Args:
        kept: closed where this device measures, once for each shape: it needs the memory.
        folder: where probes are kept.
        accelerator: what the machine's owner calls the kind of device.

    """
    packing, first = order.packing, order.trials[0].spec
    measured_on, own = packing.device_name, probes_in(folder, accelerator)
    is_its_own = measured_on in ("", device_name(device, accelerator))
    if is_its_own or packing.way == "solo":
        return packing
    asked = ProbeOrder(
        id=order.id,
        study_id=order.study_id,
        trial=first.model_copy(update={"training": first.training.at_full_batch}),
        trials=packing.most,
        device_kind="cpu" if device == "cpu" else "cuda",
    )
    if recall(memory_of(asked, packing.most, device, own)) is None:
        kept.close()
    return probe(asked, programs, own, device)
