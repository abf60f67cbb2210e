"""A tensor is stepped as the matrices that its layout says, by every optimizer."""

import pytest
import torch
from torch import Tensor

from parametrization.nn.updates.adapted.layouts import as_matrices, as_stored, for_layout
from parametrization.nn.updates.registry import named
from parametrization.nn.updates.update import CoupledOptimizer, GradientOptimizer, over_trials
from parametrization.optimizers.registry import BUILT_IN
from parametrization.shapes.roles import Layout
from tests.parametrization.nn.updates.trajectories import (
    Gradient,
    gradient_optimizer,
    hyper_of,
    largest_difference,
    noisy_quadratic,
    ours,
    random,
)

TABLE = Layout(fan_out=(1,), fan_in=(0,))
MERGED = {  # a tensor's shape, its layout, and that of the one matrix that it is
    "stored [in, out]": ((7, 4), TABLE, (4, 7)),
    "output of heads [heads, head, width]": (
        (2, 3, 5),
        Layout(fan_out=(2,), fan_in=(0, 1)),
        (5, 6),
    ),
    "queries [heads, width, head]": ((2, 5, 3), Layout(fan_out=(0, 2), fan_in=(1,)), (6, 5)),
    "transposed kernel [in, out, k, k]": (
        (4, 3, 2, 2),
        Layout(fan_out=(1,), fan_in=(0, 2, 3), kernel=(2, 3)),
        (3, 4, 2, 2),
    ),
    "readout to one number [in]": ((6,), Layout(fan_in=(0,)), (1, 6)),
}
SEVERAL = {  # and the shapes of the matrices that it holds
    "experts [experts, out, in]": (
        (3, 4, 5),
        Layout(stacked=(0,), fan_out=(1,), fan_in=(2,)),
        [(4, 5)] * 3,
    ),
    "experts [in, experts, out]": (
        (5, 3, 4),
        Layout(stacked=(1,), fan_out=(2,), fan_in=(0,)),
        [(4, 5)] * 3,
    ),
    "queries, keys and values [3 out, in]": (
        (12, 5),
        Layout(fan_out=(0,), fan_in=(1,), parts=(1, 1, 1)),
        [(4, 5)] * 3,
    ),
    "four query heads on one key and value head": (
        (12, 5),
        Layout(fan_out=(0,), fan_in=(1,), parts=(4, 1, 1)),
        [(8, 5), (2, 5), (2, 5)],
    ),
    "fused, stored [in, out]": (
        (5, 12),
        Layout(fan_out=(1,), fan_in=(0,), parts=(1, 1, 1)),
        [(4, 5)] * 3,
    ),
    "gated experts [experts, 2 out, in]": (
        (2, 8, 5),
        Layout(stacked=(0,), fan_out=(1,), fan_in=(2,), parts=(1, 1)),
        [(4, 5)] * 4,
    ),
}
GRADIENT_ONLY = [o.name for o in map(named, BUILT_IN) if isinstance(o, GradientOptimizer)]
every_optimizer = pytest.mark.parametrize("name", GRADIENT_ONLY)
RATE = {"learning_rate": 0.05}


@every_optimizer
@pytest.mark.parametrize("case", MERGED)
def test_a_tensor_moves_as_the_one_matrix_that_it_holds(name: str, case: str) -> None:
    shape, layout, matrix = MERGED[case]
    optimizer, start, gradient = gradient_optimizer(name), random(*shape, seed=1), quadratic(shape)
    moved = ours(for_layout(optimizer, layout), start, gradient, RATE, steps=8)
    plain = ours(
        optimizer,
        as_matrices(start, layout),
        lambda w, step: as_matrices(gradient(as_stored(w, layout, shape), step), layout),
        RATE,
        steps=8,
    )
    assert plain[0].shape == matrix
    assert largest_difference([as_matrices(w, layout) for w in moved], plain) < 1e-12


@every_optimizer
@pytest.mark.parametrize("case", SEVERAL)
def test_matrices_in_one_tensor_move_as_tensors_of_their_own(name: str, case: str) -> None:
    shape, layout, matrices = SEVERAL[case]
    optimizer, start, gradient = gradient_optimizer(name), random(*shape, seed=1), quadratic(shape)
    moved = ours(for_layout(optimizer, layout), start, gradient, RATE, steps=8)
    apart = [
        ours(optimizer, own, alone(gradient, number, start, layout), RATE, steps=8)
        for number, own in enumerate(taken_apart(start, layout))
    ]
    assert [tuple(own[0].shape) for own in apart] == matrices
    for number, own in enumerate(apart):
        together = [taken_apart(w, layout)[number] for w in moved]
        assert largest_difference(together, own) < 1e-11


@pytest.mark.parametrize("case", SEVERAL)
def test_a_cohort_of_tensors_with_several_matrices_equals_its_trials(case: str) -> None:
    shape, layout, _ = SEVERAL[case]
    for name in ("muon_spectral", "adafactor", "modular_matrix", "lamb", "muonh"):
        optimizer = for_layout(gradient_optimizer(name), layout)
        hyper = hyper_of(optimizer, learning_rate=0.05)
        starts = [random(*shape, seed=seed) for seed in (1, 2)]
        states = [optimizer.init(start) for start in starts]
        together = {part: torch.stack([s[part] for s in states]) for part in states[0]}
        for step in range(3):
            gradients = [random(*shape, seed=10 * step + seed) for seed in (3, 4)]
            cohort, together = over_trials(optimizer.update)(
                torch.stack(starts), torch.stack(gradients), together, hyper
            )
            stepped = [
                optimizer.update(*given, hyper)
                for given in zip(starts, gradients, states, strict=True)
            ]
            starts, states = [one for one, _ in stepped], [state for _, state in stepped]
            torch.testing.assert_close(cohort, torch.stack(starts), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("case", SEVERAL)
def test_what_tensors_contribute_is_the_sum_over_their_matrices(case: str) -> None:
    shape, layout, _ = SEVERAL[case]
    optimizer = named("sign_descent")
    assert isinstance(optimizer, CoupledOptimizer)
    gradient, hyper = random(*shape, seed=1), {"radius": 2.0}
    contribution = for_layout(optimizer, layout).contribution(gradient, hyper)
    torch.testing.assert_close(contribution, 2 * gradient.abs().sum())


def test_a_token_that_was_not_seen_keeps_its_embedding() -> None:
    scion = gradient_optimizer("scion_column")
    start, seen = random(3, 4, seed=1), torch.tensor([[1.0], [0.0], [1.0]], dtype=torch.float64)
    (after,) = ours(
        for_layout(scion, TABLE),
        start,
        lambda w, _: seen * random(*w.shape, seed=2),
        {"learning_rate": 0.5},
        steps=1,
    )
    assert torch.equal(after[1], start[1])
    rms = (after - start)[[0, 2]].square().mean(1).sqrt()
    torch.testing.assert_close(rms, torch.full_like(rms, 0.5), rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    "layout",
    [
        Layout(fan_out=(0,), fan_in=(1,)),
        Layout(fan_out=(0,), fan_in=(1, 2, 3), kernel=(2, 3)),
        Layout(fan_out=(0,)),
        Layout(),
    ],
    ids=["linear", "convolution", "bias", "temperature"],
)
def test_torchs_own_layouts_need_no_adapter(layout: Layout) -> None:
    soap = gradient_optimizer("soap")
    assert for_layout(soap, layout) is soap


def quadratic(shape: tuple[int, ...]) -> Gradient:
    return noisy_quadratic(*shape)


def taken_apart(tensor: Tensor, layout: Layout) -> list[Tensor]:
    """Every matrix of the tensor, in [out, in]."""
    axis, total = layout.fan_out[0], sum(layout.parts) or 1
    unit = tensor.shape[axis] // total
    shares = [share * unit for share in layout.parts or (1,)]
    pieces = torch.split(tensor, shares, axis)
    whole = layout._replace(parts=())
    matrices = [as_matrices(piece, whole) for piece in pieces]
    return [m for piece in matrices for m in (piece if layout.stacked else [piece])]


def put_together(matrices: list[Tensor], like: Tensor, layout: Layout) -> Tensor:
    """What `taken_apart` made of a tensor of this shape."""
    whole = layout._replace(parts=())
    pieces = len(layout.parts or (1,))
    each = len(matrices) // pieces
    axis, stored = layout.fan_out[0], []
    for number in range(pieces):
        own = matrices[number * each : (number + 1) * each]
        shape = list(like.shape)
        shape[axis] = own[0].shape[0]
        stored.append(as_stored(torch.stack(own) if layout.stacked else own[0], whole, shape))
    return torch.cat(stored, axis)


def alone(gradient: Gradient, number: int, like: Tensor, layout: Layout) -> Gradient:
    """The gradient of one matrix: that of an entry depends on no other entry."""

    def of_matrix(matrix: Tensor, step: int) -> Tensor:
        matrices = taken_apart(like, layout)
        matrices[number] = matrix
        return taken_apart(gradient(put_together(matrices, like, layout), step), layout)[number]

    return of_matrix
