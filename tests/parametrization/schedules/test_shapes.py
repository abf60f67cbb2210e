"""Every shape of a schedule, against torch's schedulers or the formula of its publication."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from parametrization.scaling.schedule import Schedule
from parametrization.schedules.declaration import ShapeDeclaration, ShapeNumber
from parametrization.schedules.registry import SHAPES

STEPS = 140
WARMUP = 14
PEAK = 0.3
EVERY_SHAPE = list(SHAPES)


def torchs(build: Callable[[torch.optim.Optimizer], Any], updates: int) -> list[float]:
    """Factors on the peak over as many updates, by a scheduler of torch's."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=PEAK)
    scheduler = build(optimizer)
    rates = []
    for _ in range(updates):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return [rate / PEAK for rate in rates]


def decayed(schedule: Schedule, steps: int = STEPS) -> list[float]:
    """Factors after the warm-up."""
    return [schedule.factor(step, steps) for step in range(schedule.warmup_steps(steps), steps)]


DECAY = STEPS - WARMUP
REFERENCES = [
    (Schedule("constant"), lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
    (
        Schedule("linear", final_fraction=0.1),
        lambda o: lr_scheduler.LinearLR(o, 1.0, end_factor=0.1, total_iters=DECAY),
    ),
    (
        Schedule("cosine", final_fraction=0.1),
        lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=DECAY, eta_min=0.1 * PEAK),
    ),
    (
        Schedule("cosine_restarts", final_fraction=0.05),
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(
            o, T_0=DECAY // 7, T_mult=2, eta_min=0.05 * PEAK
        ),
    ),
    (
        Schedule("cosine_restarts", numbers={"cycles": 6, "cycle_growth": 1}),
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=DECAY // 6),
    ),
    (
        Schedule("polynomial", numbers={"power": 3}),
        lambda o: lr_scheduler.PolynomialLR(o, total_iters=DECAY, power=3),
    ),
]


@pytest.mark.parametrize(
    ("schedule", "build"), REFERENCES, ids=[f"{s.shape}-{len(s.numbers)}" for s, _ in REFERENCES]
)
def test_the_decay_is_torchs(
    schedule: Schedule, build: Callable[[torch.optim.Optimizer], Any]
) -> None:
    assert decayed(schedule) == pytest.approx(torchs(build, DECAY), abs=1e-9)


def test_the_warm_up_is_torchs() -> None:
    ours = [Schedule().factor(step, STEPS) for step in range(WARMUP)]
    theirs = torchs(lambda o: lr_scheduler.LinearLR(o, 1 / WARMUP, total_iters=WARMUP - 1), WARMUP)
    assert ours == pytest.approx(theirs)


@pytest.mark.parametrize(
    ("shape", "falling"),
    [("wsd", lambda done: 1 - done), ("wsd_sqrt", lambda done: 1 - math.sqrt(done))],
)
def test_wsd_keeps_the_peak_until_its_last_share(
    shape: str, falling: Callable[[float], float]
) -> None:
    """Hägele et al. 2024, section 3: f(n, N, N_decay) from update N - N_decay on."""
    schedule = Schedule(shape, decay_fraction=0.25, final_fraction=0.1)
    factors = [schedule.factor(step, STEPS) for step in range(STEPS)]
    assert factors[WARMUP - 1 : 105] == [1.0] * (105 - WARMUP + 1)
    expected = [0.1 + 0.9 * falling(n / 35) for n in range(35)]
    assert factors[105:] == pytest.approx(expected)


def test_inverse_sqrt_is_that_of_the_transformer() -> None:
    """Vaswani et al. 2017, eq. 3: min(n^-1/2, n warmup^-3/2), in units of its peak."""
    peak = WARMUP**-0.5
    expected = [min(n**-0.5, n * WARMUP**-1.5) / peak for n in range(1, STEPS)]
    factors = [Schedule("inverse_sqrt").factor(step, STEPS) for step in range(STEPS)]
    assert factors[:WARMUP] == pytest.approx(expected[:WARMUP])
    assert factors[WARMUP:] == pytest.approx([1.0, *expected[WARMUP:]])


def test_a_power_law_is_a_power_of_the_updates() -> None:
    schedule = Schedule("power", numbers={"exponent": 0.51})
    for step in range(WARMUP, STEPS):
        assert schedule.factor(step, STEPS) == pytest.approx((step / WARMUP) ** -0.51)


@pytest.mark.parametrize(("growth", "stages"), [(2.0, 3), (4.0, 2), (1.5, 5)])
def test_a_seesaw_grows_its_batch_where_a_cosine_over_the_tokens_would_have_fallen(
    growth: float, stages: int
) -> None:
    """Meterez et al. 2025: at each cut, batch x growth and rate / sqrt(growth)."""
    steps, full = 4000, 4096
    schedule = Schedule("seesaw", warmup_fraction=0.0, numbers={"growth": growth, "stages": stages})
    total = schedule.examples_before(steps, steps, full)
    found = schedule.batch_stages(steps)
    assert len(found) == stages + 1
    for stage, (first, share) in enumerate(found):
        seen = schedule.examples_before(first, steps, full) / total
        assert share == pytest.approx(growth ** (stage - stages))
        assert (1 + math.cos(math.pi * seen)) / 2 == pytest.approx(growth**-stage, abs=5e-3)
        assert schedule.factor(first, steps) == pytest.approx(growth ** (-stage / 2))


def test_the_warm_up_has_a_floor_in_updates() -> None:
    schedule = Schedule(warmup_fraction=0.01, warmup_min_steps=20)
    assert [schedule.warmup_steps(steps) for steps in (10, 100, 2000, 10_000)] == [10, 20, 20, 100]
    assert [schedule.factor(step, 100) for step in (0, 19, 20)] == [1 / 20, 1.0, 1.0]
    assert schedule.factor(9, 10) == 1.0


def test_a_batch_grows_in_eight_equal_increments() -> None:
    schedule = Schedule(batch_warmup_fraction=0.5, batch_start_fraction=0.2)
    sizes = [schedule.batch_size(step, 80, full=100) for step in range(80)]
    assert sizes == [20 + 10 * (step // 5) for step in range(40)] + [100] * 40


def test_every_batch_is_a_multiple_of_the_microbatches() -> None:
    schedule = Schedule(batch_warmup_fraction=0.9, batch_start_fraction=0.01)
    sizes = {schedule.batch_size(step, 50, full=24, multiple=4) for step in range(50)}
    assert sizes == {4, 8, 12, 16, 20, 24}


fractions = st.floats(0, 0.99)


@given(
    shape=st.sampled_from(EVERY_SHAPE),
    steps=st.integers(1, 300),
    warmup=fractions,
    final=fractions,
    least=st.integers(0, 40),
    full=st.integers(1, 64),
)
def test_factors_and_batches_stay_within_their_peaks_and_generated_code_repeats_them(
    shape: str, steps: int, warmup: float, final: float, least: int, full: int
) -> None:
    schedule = Schedule(shape, warmup_fraction=warmup, final_fraction=final, warmup_min_steps=least)
    namespace: dict[str, Any] = {}
    body = "\n".join(f"    {line}" for line in schedule.python_source.splitlines())
    exec(f"import math\ndef factor(step, steps):\n{body}", namespace)
    examples = 0
    for step in range(steps):
        factor = schedule.factor(step, steps)
        assert 0 <= factor <= 1
        assert namespace["factor"](step, steps) == factor
        size = schedule.batch_size(step, steps, full)
        assert 1 <= size <= full
        assert schedule.examples_before(step, steps, full) == examples
        examples += size
    assert schedule.examples_before(steps, steps, full) == examples


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"shape": "step"}, "there is no schedule 'step': known are constant, linear"),
        ({"numbers": {"power": 2}}, "linear takes no power; its numbers are: none"),
        (
            {"shape": "cosine_restarts", "numbers": {"cycles": 2.5}},
            "cycles must be a whole number, got 2.5",
        ),
        (
            {"shape": "polynomial", "numbers": {"power": 0}},
            "power must be from 0.01 to 20, got 0",
        ),
        (
            {"shape": "seesaw", "batch_warmup_fraction": 0.1},
            "batch_warmup_fraction must be 0 where the shape is seesaw",
        ),
    ],
)
def test_what_a_shape_does_not_take_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Schedule(**fields)


def of_eleven(progress: float, span: float) -> float:
    """A function that this file's own constant enters."""
    return progress * DECAY


def rising(progress: float, span: float) -> float:
    """A fall that is none."""
    return 1 + progress


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "My-Shape"}, "lower case with underscores, got 'My-Shape'"),
        ({"fall": lambda progress, span: 1.0}, "must be a function with a name"),
        ({"fall": of_eleven}, "of_eleven uses DECAY"),
        ({"fall": rising}, "must be from 0 to 1, got 1.5 at progress 0.5"),
        (
            {"numbers": {"x": ShapeNumber(default=3, low=0, high=1, words="")}},
            "the default of x must be from 0 to 1, got 3",
        ),
    ],
)
def test_a_declaration_that_could_not_be_used_is_refused(
    fields: dict[str, Any], words: str
) -> None:
    whole: dict[str, Any] = {
        "name": "mine",
        "words": "",
        "spoken": "",
        "fall": SHAPES["linear"].fall,
    }
    with pytest.raises(ValueError, match=words):
        ShapeDeclaration(**whole | fields)
