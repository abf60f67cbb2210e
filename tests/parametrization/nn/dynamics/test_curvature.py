"""Eigenvalues against those of the dense matrices, and noise scales against known ones."""

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev
from torch.nn.functional import cross_entropy

from parametrization.nn.dynamics.curvature import Curvature, Matrix
from parametrization.nn.dynamics.lanczos import largest
from parametrization.nn.dynamics.noise_scale import NoiseScale, noise_scale, pooled

COUNT = 5


def by_example(outputs: Tensor, targets: Tensor) -> Tensor:
    return cross_entropy(outputs, targets, reduction="none")


@pytest.fixture
def curvature() -> Curvature:
    """A small tanh network away from its minimum, in double precision."""
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 7), nn.Tanh(), nn.Linear(7, 3)).double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(generator=generator)
    inputs = torch.randn(12, 4, generator=generator, dtype=torch.float64)
    targets = torch.randint(3, (12,), generator=generator)
    return Curvature(model, inputs, targets, by_example)


def dense(curvature: Curvature, matrix: Matrix) -> Tensor:
    """The whole matrix, by other means than products."""
    parameters = {name: p.detach() for name, p in curvature.model.named_parameters()}
    sizes = [value.numel() for value in parameters.values()]
    flat = torch.cat([value.reshape(-1) for value in parameters.values()])

    def outputs(vector: Tensor) -> Tensor:
        values = {
            name: piece.view_as(value)
            for (name, value), piece in zip(
                parameters.items(), torch.split(vector, sizes), strict=True
            )
        }
        found: Tensor = functional_call(curvature.model, values, (curvature.inputs,))
        return found

    def losses(vector: Tensor) -> Tensor:
        return by_example(outputs(vector), curvature.targets)

    if matrix is Matrix.HESSIAN:
        whole: Tensor = jacrev(jacrev(lambda vector: losses(vector).mean()))(flat)
        return whole
    if matrix is Matrix.EMPIRICAL_FISHER:
        gradients: Tensor = jacrev(losses)(flat)
        return gradients.T @ gradients / len(gradients)
    jacobian = jacrev(outputs)(flat)
    shares = outputs(flat).softmax(-1)
    of_loss = torch.diag_embed(shares) - shares[:, :, None] * shares[:, None, :]
    product: Tensor = torch.einsum("nop,noq,nqr->pr", jacobian, of_loss, jacobian)
    return product / len(shares)


@pytest.mark.parametrize("matrix", Matrix)
def test_the_largest_eigenvalues_are_those_of_the_dense_matrix(
    curvature: Curvature, matrix: Matrix
) -> None:
    whole = dense(curvature, matrix)
    expected = torch.linalg.eigvalsh(whole).flip(0)[:COUNT]
    found = curvature.largest(matrix, COUNT)
    torch.testing.assert_close(found.values, expected, rtol=1e-8, atol=1e-10)
    images = whole @ found.vectors
    assert (images - found.values * found.vectors).norm(dim=0).max() < 1e-5 * expected[0]
    assert (found.residuals <= 1e-5 * expected[0]).all()


def test_a_products_residual_bounds_the_error_of_an_iteration_cut_short() -> None:
    generator = torch.Generator().manual_seed(1)
    root = torch.randn(60, 60, generator=generator, dtype=torch.float64)
    matrix, start = root @ root.T, torch.randn(60, generator=generator, dtype=torch.float64)
    known = torch.linalg.eigvalsh(matrix)
    found = largest(lambda v: matrix @ v, start, 3, most_products=12)
    assert found.products == 12
    for value, residual in zip(found.values, found.residuals, strict=True):
        assert (known - value).abs().min() <= residual + 1e-9


def test_a_repeated_eigenvalue_comes_back_once_for_one_start() -> None:
    found = largest(lambda v: 3 * v, torch.ones(5, dtype=torch.float64), 2)
    assert found.values.tolist() == pytest.approx([3.0])
    assert found.products == 1


@pytest.mark.parametrize(
    ("count", "start", "words"), [(0, 1.0, "count must be"), (9, 1.0, "size 4"), (1, 0.0, "zero")]
)
def test_what_cannot_be_found_is_refused(count: int, start: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        largest(lambda v: v, torch.full((4,), start), count)


def test_the_noise_scale_is_that_of_gradients_with_a_known_mean_and_covariance() -> None:
    generator = torch.Generator().manual_seed(2)
    size, examples = 50, 8
    mean = torch.full((size,), 0.3, dtype=torch.float64)
    spread = torch.linspace(0.5, 2.0, size, dtype=torch.float64)
    found = []
    for _ in range(400):
        noise = torch.randn(4, examples, size, generator=generator, dtype=torch.float64)
        found.append(noise_scale(list(mean + (noise * spread).mean(1)), examples))
    exact = NoiseScale(mean.square().sum().item(), spread.square().sum().item())
    estimated = pooled(found)
    assert estimated.noise_trace == pytest.approx(exact.noise_trace, rel=0.02)
    assert estimated.batch == pytest.approx(exact.batch, rel=0.05)  # both are there


def test_no_gradient_to_be_seen_gives_no_batch() -> None:
    assert NoiseScale(gradient_square=-0.1, noise_trace=2.0).batch is None
    with pytest.raises(ValueError, match="at least 2 parts"):
        noise_scale([torch.ones(2)], 1)


def test_with_one_rate_the_edge_is_sharpness_times_rate_over_two(curvature: Curvature) -> None:
    rates = {name: 0.3 for name, _ in curvature.model.named_parameters()}
    sharpness = curvature.largest(Matrix.HESSIAN).values[0].item()
    assert curvature.edge(rates) == pytest.approx(0.15 * sharpness, rel=1e-8)


class Quadratic(nn.Module):
    """Two tensors of unlike curvature, whose outputs' squares are the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.flat = nn.Parameter(torch.ones(2, dtype=torch.float64))
        self.steep = nn.Parameter(torch.ones(3, dtype=torch.float64))

    def forward(self, scales: Tensor) -> Tensor:
        return torch.cat([self.flat, 5 * self.steep]) * scales


@pytest.mark.parametrize(("steep", "diverges"), [(0.078, False), (0.082, True)])
def test_gradient_descent_with_a_rate_a_tensor_diverges_beyond_its_edge(
    steep: float, diverges: bool
) -> None:
    """The loss of the steep tensor is 25/2 w^2: its edge lies at a rate of 2/25."""
    model, scales = Quadratic(), torch.ones(1, 5, dtype=torch.float64)
    problem = Curvature(model, scales, scales, lambda out, _: out.square().sum(-1) / 2)
    rates = {"flat": 1.9, "steep": steep}
    assert (problem.edge(rates) > 1) is diverges
    for _ in range(300):
        loss = problem.losses(model(scales), scales).mean()
        named = dict(model.named_parameters())
        gradients = torch.autograd.grad(loss, list(named.values()))
        with torch.no_grad():
            for (name, weight), gradient in zip(named.items(), gradients, strict=True):
                weight.sub_(gradient, alpha=rates[name])
    assert (model.steep.abs().max().item() > 1) is diverges
