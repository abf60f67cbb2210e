"""Our rows under complete-d are the published ones, once the readout's multiplier is moved.

The table is Complete(d)P 2025, arXiv:2512.22382, Table 1, column "width x depth" times column
"batch / data", for a readout without forward multiplier. It agrees for alpha = 1 but for two rows:
it leaves the epsilon of the last norm at 1, and its weight decay has no factor of depth, which is
ours at alpha = 1 alone.
"""

from dataclasses import replace
from typing import Final, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parametrization.rules.policies import Policies
from parametrization.scaling.multiplier_free import multiplier_free
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_scaling import TensorScaling
from parametrization.shapes.roles import Role, TensorShape
from tests.parametrization.builders import TENSORS, hyperparameters, scale_tensor

BIAS: Final = TensorShape("up.bias", Role.VECTOR, (32,), (True,), None, 0, in_block=True)


class Published(NamedTuple):
    """Exponents of (m_N, m_L); the latter as `constant + of_alpha * alpha`."""

    rate: tuple[float, float, float]
    epsilon: tuple[float, float, float]
    variance: float | None  # of m_N
    decay: float  # of m_N


NO: Final = (0.0, 0.0, 0.0)
# fmt: off
TABLE: Final = {
    #                                       LR                 epsilon            init   WD
    replace(TENSORS[Role.INPUT]):  Published(NO,               (-1.0, 0.0, 0.0),  0.0,   0.0),
    replace(TENSORS[Role.HIDDEN], in_block=True):
                                   Published((-1.0, -1.0, 1.0), (-1.0, 0.0, -1.0), -1.0, 1.0),
    BIAS:                          Published((0.0, -1.0, 1.0), (-1.0, 0.0, -1.0), None,  0.0),
    replace(TENSORS[Role.QK_NORM_GAIN], in_block=True):
                                   Published((0.0, -1.0, 1.0), (0.0, 0.0, -1.0),  None,  0.0),
    TENSORS[Role.OUTPUT]:          Published((-1.0, 0.0, 0.0), NO,                -2.0,  1.0),
    TENSORS[Role.SCALAR]:          Published(NO,               NO,                None,  0.0),
}
# fmt: on


def scaled(
    tensor: TensorShape, alpha: float, width: float, depth: float, batch: float, tokens: float
) -> TensorScaling:
    scaling = scale_tensor(
        tensor,
        hyperparameters("adamw"),
        Multipliers(width, depth=depth, batch=batch, tokens=tokens),
        optimizer="adamw",
        policies=Policies(alpha=alpha),
    )
    return multiplier_free([scaling])[0]


@pytest.mark.parametrize("tensor", TABLE, ids=lambda tensor: tensor.role.value)
@given(
    alpha=st.sampled_from([0.5, 0.75, 1.0]),
    width=st.sampled_from([1.0, 2.0, 8.0]),
    depth=st.sampled_from([1.0, 4.0]),
    batch=st.sampled_from([0.5, 1.0, 2.0]),
    tokens=st.sampled_from([1.0, 2.0]),
)
def test_every_row_is_the_published_one(
    tensor: TensorShape, alpha: float, width: float, depth: float, batch: float, tokens: float
) -> None:
    published = TABLE[tensor]
    base = scaled(tensor, alpha, 1, 1, 1, 1)
    at = scaled(tensor, alpha, width, depth, batch, tokens)

    def factor(exponents: tuple[float, float, float]) -> float:
        of_width, constant, of_alpha = exponents
        return float(width**of_width * depth ** (constant + of_alpha * alpha))

    assert at.multiplier == base.multiplier == 1
    assert at.learning_rate / base.learning_rate == pytest.approx(
        factor(published.rate) * (batch / tokens) ** 0.5
    )
    assert at.epsilon is not None
    assert base.epsilon is not None
    assert at.epsilon / base.epsilon == pytest.approx(
        factor(published.epsilon) * (tokens / batch) ** 0.5
    )
    if published.variance is not None:
        assert at.init_std is not None
        assert base.init_std is not None
        assert (at.init_std / base.init_std) ** 2 == pytest.approx(width**published.variance)
    if alpha == 1:
        decay = width**published.decay * (batch / tokens) ** 0.5
        assert at.weight_decay / base.weight_decay == pytest.approx(decay)
