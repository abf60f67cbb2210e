"""Curvature and noise of gradients against known answers, and the edge of stability by width.

    python -m benchmarks.dynamics --json

`eigenvalues`: largest relative difference of the five largest by Lanczos from the dense matrix's.
`noise`: the estimated noise scale over the exact one. `edge`: what `Curvature.edge` says of plain
gradient descent on all examples as it goes on, under muP's rates: 1 is the edge of stability.
"""

from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev
from torch.nn.functional import mse_loss

from benchmarks.report import command_line, give
from parametrization.nn.dynamics.curvature import Curvature, Matrix
from parametrization.nn.dynamics.noise_scale import noise_scale, pooled

COUNT: Final = 5
WIDTHS: Final = (16, 32, 64)
LOOKS: Final = (0, 100, 200, 400)
RATE: Final = 0.3


def by_example(outputs: Tensor, targets: Tensor) -> Tensor:
    """Half the squared error."""
    return mse_loss(outputs, targets, reduction="none").sum(-1) / 2


def curvature(width: int, seed: int = 0) -> Curvature:
    """A tanh network under muP without multipliers, on a small regression."""
    generator = torch.Generator().manual_seed(seed)
    hidden, readout = nn.Linear(3, width), nn.Linear(width, 2, bias=False)
    model = nn.Sequential(hidden, nn.Tanh(), readout).double()
    with torch.no_grad():
        hidden.weight.normal_(generator=generator)
        hidden.bias.zero_()
        readout.weight.normal_(std=WIDTHS[0] ** 0.5 / width, generator=generator)
    inputs = torch.randn(24, 3, generator=generator, dtype=torch.float64)
    targets = torch.stack([inputs.prod(1), inputs.sin().sum(1)], dim=1)
    return Curvature(model, inputs, targets, by_example)


def rates(width: int) -> dict[str, float]:
    """SGD's by parameter: input tensors x m, the readout / m."""
    wider = width / WIDTHS[0]
    return {"0.weight": RATE * wider, "0.bias": RATE * wider, "2.weight": RATE / wider}


def eigenvalues() -> dict[str, float]:
    """Largest relative difference from the dense Hessian's; from all products' of both others."""
    problem = curvature(WIDTHS[0])
    parameters = {name: p.detach() for name, p in problem.model.named_parameters()}
    sizes = [value.numel() for value in parameters.values()]
    flat = torch.cat([value.reshape(-1) for value in parameters.values()])

    def loss(vector: Tensor) -> Tensor:
        pieces = zip(parameters.items(), torch.split(vector, sizes), strict=True)
        values = {name: piece.view_as(value) for (name, value), piece in pieces}
        outputs = functional_call(problem.model, values, (problem.inputs,))
        return by_example(outputs, problem.targets).mean()

    whole = {Matrix.HESSIAN: jacrev(jacrev(loss))(flat)}
    for matrix in (Matrix.GAUSS_NEWTON, Matrix.EMPIRICAL_FISHER):
        product = problem.product(matrix)
        whole[matrix] = torch.stack(
            [product(axis) for axis in torch.eye(len(flat), dtype=flat.dtype)]
        )
    differences = {}
    for matrix, dense in whole.items():
        expected = torch.linalg.eigvalsh(dense).flip(0)[:COUNT]
        found = problem.largest(matrix, COUNT).values
        differences[matrix.value] = ((found - expected).abs() / expected.abs()).max().item()
    return differences


def noise() -> dict[str, float]:
    """The noise scale of gradients with a known mean and covariance, over the exact one."""
    generator = torch.Generator().manual_seed(1)
    mean = torch.full((100,), 0.2, dtype=torch.float64)
    spread = torch.linspace(0.5, 2.0, 100, dtype=torch.float64)
    exact = spread.square().sum().item() / mean.square().sum().item()
    ratios = {}
    for batches in (10, 100, 1000):
        found = []
        for _ in range(batches):
            drawn = torch.randn(4, 16, 100, generator=generator, dtype=torch.float64)
            found.append(noise_scale(list(mean + (drawn * spread).mean(1)), 16))
        estimated = pooled(found).batch
        ratios[f"{batches} batches"] = float("nan") if estimated is None else estimated / exact
    return ratios


def edge(width: int) -> dict[str, Any]:
    """The approach of gradient descent on all examples to its edge, at one width."""
    problem, own = curvature(width), rates(width)
    named = dict(problem.model.named_parameters())
    seen: dict[int, float] = {}
    for step in range(max(LOOKS) + 1):
        if step in LOOKS:
            seen[step] = problem.edge(own)
        loss = by_example(problem.model(problem.inputs), problem.targets).mean()
        gradients = torch.autograd.grad(loss, list(named.values()))
        with torch.no_grad():
            for (name, weight), gradient in zip(named.items(), gradients, strict=True):
                weight.sub_(gradient, alpha=own[name])
    return {"width": width, "edge_by_step": seen}


def main() -> None:
    """Measure and print."""
    given = command_line(__doc__.partition("\n")[0]).parse_args()
    torch.set_num_threads(1)
    figures = {
        "eigenvalues": eigenvalues(),
        "noise": noise(),
        "edge": [edge(width) for width in WIDTHS],
    }
    give(figures, given)


if __name__ == "__main__":
    main()
