"""K-FAC: the gradient over a Kronecker-factored Fisher matrix of its linear layer.

Source: Martens & Grosse 2015, arXiv:1503.05671, sections 3 and 6.3, with the empirical Fisher
matrix unless the caller samples targets; factors are averages corrected for their start. Damping is
`damping` times each factor's trace, which keeps the step's width exponents (Ishikawa & Karakida
2024); the published pi-heuristic does not. Momentum is heavy-ball on the preconditioned gradient.
For convolutions the signals' rows are patches and positions. Do not start a readout at zero: one
step then reaches the kernel solution.

Unit of the learning rate: parameter times gradient; about 1 is a Newton step of the loss.
"""

import torch
from torch import Tensor

from parametrization.nn.updates.matrices.eigenbases import inverse_root
from parametrization.nn.updates.update import (
    Hyper,
    LayerSignals,
    Number,
    State,
    counter,
    decayed,
    shrunk,
)


def init_factors(parameter: Tensor) -> State:
    """Factors of zero for a [fan_out, fan_in] matrix."""
    fan_out, fan_in = parameter.flatten(1).shape
    return {
        "step": counter(parameter),
        "inputs": parameter.new_zeros(fan_in, fan_in),
        "outputs": parameter.new_zeros(fan_out, fan_out),
    }


def init(parameter: Tensor) -> State:
    """Factors and a velocity of zero."""
    return {**init_factors(parameter), "velocity": torch.zeros_like(parameter)}


def new_factors(state: State, hyper: Hyper, signals: LayerSignals) -> State:
    """The averages with this update's second moments of inputs and output gradients."""
    return {
        "step": state["step"] + 1,
        "inputs": decayed(state["inputs"], second_moment(signals.inputs), hyper["beta_factors"]),
        "outputs": decayed(
            state["outputs"], second_moment(signals.output_gradients), hyper["beta_factors"]
        ),
    }


def second_moment(rows: Tensor) -> Tensor:
    """Mean of x x^T over the rows x."""
    return rows.mT @ rows / rows.shape[0]


def update(
    parameter: Tensor,
    gradient: Tensor,
    state: State,
    hyper: Hyper,
    signals: LayerSignals,
) -> tuple[Tensor, State]:
    """One step v <- momentum v + B^-1 g A^-1; w <- (1 - rate decay) w - rate v."""
    factors = new_factors(state, hyper, signals)
    started = 1 - hyper["beta_factors"] ** factors["step"]
    inverse_inputs, inverse_outputs = (
        _damped_inverse(factors[side] / started, hyper["damping"]) for side in ("inputs", "outputs")
    )
    step = inverse_outputs @ gradient.flatten(1) @ inverse_inputs
    velocity = hyper["momentum"] * state["velocity"] + step.reshape(gradient.shape)
    new_parameter = shrunk(parameter, hyper) - hyper["learning_rate"] * velocity
    return new_parameter, {**factors, "velocity": velocity}


def _damped_inverse(factor: Tensor, damping: Number) -> Tensor:
    identity = torch.eye(factor.shape[0], dtype=factor.dtype, device=factor.device)
    return inverse_root(factor + damping * factor.trace() * identity, 1.0)
