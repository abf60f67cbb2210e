"""Section 1: versions, and what the device can do at best."""

import platform

import torch

from benchmarks.gpu.section import Section, run
from workers.cohort.graphs import cuda_graph, on_a_side_stream

TINY_KERNELS = 1_000


def measure(section: Section) -> None:
    """Copies, products, and tiny kernels launched one by one and from a graph."""
    device, small = section.device, section.rehearsed
    on_gpu = device.type == "cuda"
    section.add(
        what="versions",
        python=platform.python_version(),
        torch=torch.__version__,
        cuda=torch.version.cuda,
        device=torch.cuda.get_device_name() if on_gpu else platform.processor(),
    )
    with section.trying(what="copy") as row:
        source = torch.empty(2**16 if small else 2**30, dtype=torch.uint8, device=device)
        target = torch.empty_like(source)
        seconds = section.seconds_of(lambda: target.copy_(source))
        row["bytes_a_second"] = 2 * source.nbytes / seconds
    with section.trying(what="products") as row:
        size = 128 if small else 8_192
        for dtype in (torch.bfloat16, torch.float32):
            a = torch.randn(size, size, device=device).to(dtype)
            seconds = section.seconds_of(lambda a=a: a @ a)  # type: ignore[misc]
            row[f"{dtype}".removeprefix("torch.")] = 2 * size**3 / seconds
    with section.trying(what="tiny kernels", kernels=TINY_KERNELS) as row:
        tiny = torch.zeros(32, device=device)

        def launched() -> torch.Tensor:
            for _ in range(TINY_KERNELS):
                tiny.add_(1)
            return tiny

        row["eager_seconds"] = section.seconds_of(launched, calls=3)
        if on_gpu:
            on_a_side_stream(launched)
            graph = cuda_graph(launched)
            row["graph_seconds"] = section.seconds_of(graph, calls=3)
            graph.release()


if __name__ == "__main__":
    run(measure)
