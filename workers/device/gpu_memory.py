"""A GPU's memory, of which every slot on it has its share."""

import gc

import torch


def start_gpu(device: str, share: float) -> None:
    """Make the device the current one, with this share of its memory; its driver has started."""
    torch.cuda.set_device(device)
    torch.cuda.init()  # type: ignore[no-untyped-call]  # torch's own
    limit_gpu_memory(device, share)


def limit_gpu_memory(device: str, share: float) -> None:
    """Make this process's allocations on the GPU fail beyond this share of it."""
    torch.cuda.set_per_process_memory_fraction(share, torch.device(device))


def usable_bytes(device: torch.device) -> int:
    """Bytes of the GPU's memory that this process may use."""
    share = torch.cuda.get_per_process_memory_fraction(device)
    return int(share * torch.cuda.get_device_properties(device).total_memory)


def start_measuring(device: torch.device) -> None:
    """Forget the peak so far."""
    torch.cuda.reset_peak_memory_stats(device)


def peak_bytes(device: torch.device) -> int:
    """Most that tensors took at once since `start_measuring`."""
    return torch.cuda.max_memory_allocated(device)


def give_back(device: torch.device) -> None:
    """Free what nothing uses any more, for whoever allocates next.

    Not inside an `except` block: the error's traceback holds on to what failed.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
