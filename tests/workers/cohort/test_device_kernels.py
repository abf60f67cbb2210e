"""Kernels of a GPU in cohorts: the same numbers as written out, and shapes without a GPU."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call, grad, vmap
from torch.nn import functional

from tests.workers.cohort.cohorts import alone, distance, precision, varied
from tests.workers.cohort.recordings import Counting
from tests.workers.specs import TINY_MLP
from workers.cohort import norms
from workers.cohort import step as cohort_step
from workers.cohort.attention import KERNELS, FoldedAttention, Kernel
from workers.cohort.graphs import WARM_UP_STEPS
from workers.cohort.norms import FusedNorms
from workers.cohort.programs import Programs
from workers.cohort.step import CohortStep
from workers.training.trial import new_trial

on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
TRIALS, ROWS, WIDTH = 3, 5, 16
FLASH, EFFICIENT = KERNELS[1:]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def derived(gradient: Tensor, x: Tensor, inverse: Tensor) -> Tensor:
    """Derivative of rows of x over their root mean square."""
    normal = x * inverse
    return inverse * (gradient - normal * (gradient * normal).mean(-1, keepdim=True))


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("kind", [torch.nn.RMSNorm, torch.nn.LayerNorm])
@pytest.mark.parametrize("shared_input", [True, False])
def test_norms_of_a_cohort_equal_those_written_out_forwards_and_backwards(
    kind: Callable[..., torch.nn.Module],
    affine: bool,
    shared_input: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(norms, "root_mean_square_backwards", derived)  # the kernel is on GPUs alone
    norm = kind(WIDTH, eps=1e-5, elementwise_affine=affine, dtype=torch.float64)
    names = [name for name, _ in norm.named_parameters()]
    stacked = {name: drawn(TRIALS, WIDTH, seed=3 + at) for at, name in enumerate(names)}
    x = drawn(2, ROWS, WIDTH) if shared_input else drawn(TRIALS, 2, ROWS, WIDTH)
    scale = drawn(TRIALS, WIDTH, seed=9)

    def loss(x: Tensor, scale: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        result: Tensor = functional_call(norm, parameters, (torch.tanh(x * scale),))
        return (result * result.cos()).sum()

    mapped = vmap(grad(loss, argnums=(1, 2)), in_dims=(None if shared_input else 0, 0, 0))
    expected = mapped(x, scale, stacked)
    with FusedNorms("cuda"):
        found = mapped(x, scale, stacked)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def attention_gradients(
    tensors: Sequence[Tensor], device_type: str | None, *, causal: bool
) -> tuple[Tensor, ...]:
    def loss(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=causal)
        return (mixed * mixed.cos()).sum()

    with FoldedAttention(device_type):
        found: tuple[Tensor, ...] = vmap(grad(loss, argnums=(0, 1, 2)))(*tensors)
    return found


@pytest.mark.parametrize("causal", [True, False])
def test_attention_folded_into_the_batch_equals_products_and_a_softmax(causal: bool) -> None:
    tensors = [drawn(TRIALS, 2, 4, 8, 16, seed=seed) for seed in range(3)]
    folded = attention_gradients(tensors, None, causal=causal)
    written = attention_gradients(tensors, "none", causal=causal)
    torch.testing.assert_close(folded, written, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("scale", [None, 0.3])
def test_options_that_ask_for_nothing_do_not_keep_attention_from_its_kernel(
    scale: float | None,
) -> None:
    """As models of users' own write it: no mask, no dropout, a scale."""
    tensors = [drawn(TRIALS, 2, 4, 8, 16, seed=seed) for seed in range(3)]

    def mixed(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask=None, dropout_p=0.0, is_causal=True, scale=scale
        )

    def recorded(device_type: str | None) -> tuple[Tensor, list[str]]:
        from torch.fx.experimental.proxy_tensor import make_fx

        with FoldedAttention(device_type):
            graph = make_fx(vmap(mixed))(*tensors)
        return graph(*tensors), [str(node.target) for node in graph.graph.nodes]

    folded, names = recorded(None)
    assert any("flash_attention_for_cpu" in name for name in names)
    torch.testing.assert_close(folded, recorded("none")[0], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("kernel", [FLASH, EFFICIENT], ids=["flash", "efficient"])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("transposed", [True, False])
def test_a_gpus_attention_has_the_shapes_of_what_it_was_given(
    kernel: Kernel, causal: bool, transposed: bool
) -> None:
    assert kernel.dtypes is not None
    dtype = torch.float32 if torch.float32 in kernel.dtypes else torch.bfloat16
    with FakeTensorMode(), torch.no_grad():
        shape = (6, 8, 4, 16) if transposed else (6, 4, 8, 16)
        tensors = [torch.empty(shape, device="cuda", dtype=dtype) for _ in range(3)]
        if transposed:
            tensors = [tensor.transpose(1, 2) for tensor in tensors]
        query, key, value = tensors
        assert kernel.takes(query, key, value, causal=causal)
        output, log_sum, *shared = kernel.forward(query, key, value, causal, None)
        assert output.shape == tensors[0].shape
        own = (torch.empty_like(output), *tensors, output, log_sum)
        found = kernel.backward(own, tuple(shared), causal, None)
        assert [one.shape for one in found] == [one.shape for one in tensors]
        assert {one.device.type for one in found} == {"cuda"}


@pytest.mark.parametrize(
    ("kernel", "dtype", "head", "lengths"),
    [
        (FLASH, torch.float32, 16, (8, 8)),
        (FLASH, torch.bfloat16, 12, (8, 8)),
        (FLASH, torch.bfloat16, 512, (8, 8)),
        (FLASH, torch.bfloat16, 16, (8, 4)),
        (EFFICIENT, torch.float64, 16, (8, 8)),
        (EFFICIENT, torch.float32, 6, (8, 8)),
    ],
)
def test_a_kernel_says_what_it_does_not_take(
    kernel: Kernel, dtype: torch.dtype, head: int, lengths: tuple[int, int]
) -> None:
    query, key = (torch.empty(2, 4, length, head, dtype=dtype) for length in lengths)
    assert not kernel.takes(query, key, key, causal=True)


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counted = Counting()
    monkeypatch.setattr(cohort_step, "recorder_of", lambda _: counted.recorder)
    return counted


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_one_program_after_the_gradients_trains_every_trial_as_alone(
    optimizer: str, as_on_a_gpu: Counting
) -> None:
    """Clipping, update and norms: every trial as by itself, on what a GPU would run."""
    steps = WARM_UP_STEPS + 3
    with precision(torch.float64):
        specs = varied(3, TINY_MLP, optimizer)
        trials = [new_trial(spec) for spec in specs]
        together = CohortStep(trials, Programs(), device_type="cuda")
        measured: list[Tensor] = []
        with torch.no_grad():
            for at in range(steps):
                training = specs[0].training
                factor = training.schedule.factor(at, training.steps)
                factors = torch.full((3,), factor, dtype=torch.float64)
                taken = together.take(trials[0].batch(at), factors, shared_batch=True)
                measured.append(taken)
        assert as_on_a_gpu.replays == [3]
        for number, (spec, trial) in enumerate(zip(specs, trials, strict=True)):
            trial.train_losses += [float(one[0, number]) for one in measured]
            lone = alone(spec, steps)
            assert distance(trial, lone) < 1e-10
            norm = torch.linalg.vector_norm(
                torch.stack([one.detach().norm() for one in lone.model.parameters()])
            )
            assert float(measured[-1][2, number]) == pytest.approx(float(norm), rel=1e-10)


@pytest.mark.gpu
@on_a_gpu
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("dtype", "near"), [(torch.bfloat16, 3e-2), (torch.float32, 1e-4)])
def test_a_gpus_attention_equals_products_and_a_softmax(
    dtype: torch.dtype, near: float, causal: bool
) -> None:
    tensors = [drawn(TRIALS, 2, 4, 64, 32, seed=seed).cuda() for seed in range(3)]
    found = attention_gradients([one.to(dtype) for one in tensors], None, causal=causal)
    expected = attention_gradients(tensors, "none", causal=causal)
    for one, other in zip(found, expected, strict=True):
        assert (one.double() - other).norm() < near * other.norm()


@pytest.mark.gpu
@on_a_gpu
@pytest.mark.parametrize("kind", [torch.nn.RMSNorm, torch.nn.LayerNorm])
def test_a_gpus_norms_equal_those_written_out(kind: Callable[..., torch.nn.Module]) -> None:
    norm = kind(WIDTH, device="cuda")
    stacked = {
        name: drawn(TRIALS, WIDTH, seed=at).float().cuda()
        for at, (name, _) in enumerate(norm.named_parameters())
    }
    x = drawn(TRIALS, 2, ROWS, WIDTH).float().cuda()

    def loss(x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
        result: Tensor = functional_call(norm, parameters, (x,))
        return (result * result.cos()).sum()

    mapped = vmap(grad(loss, argnums=(0, 1)))
    with FusedNorms("none"):
        expected = mapped(x, stacked)
    with FusedNorms():
        found = mapped(x, stacked)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
