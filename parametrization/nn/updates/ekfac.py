"""EKFAC: K-FAC's eigenbasis with the second moments that gradients really have in it.

Source: George et al. 2018, arXiv:1806.03884, Algorithm 1 with running averages (EKFAC-ra). The
averages move to a new basis as a covariance that is diagonal in the old one would. Damping is
`damping` times the mean second moment: 1 is about as much as K-FAC's 0.01 of both traces.

Unit of the learning rate: parameter times gradient; about 1 is a Newton step of the loss.
"""

import torch
from torch import Tensor

from parametrization.nn.updates.kfac import init_factors, new_factors
from parametrization.nn.updates.matrices.eigenbases import eigenbasis
from parametrization.nn.updates.update import (
    Hyper,
    LayerSignals,
    State,
    decayed,
    shrunk,
)


def init(parameter: Tensor) -> State:
    """Factors, bases and second moments of zero."""
    factors = init_factors(parameter)
    return {
        **factors,
        "inputs_basis": torch.zeros_like(factors["inputs"]),
        "outputs_basis": torch.zeros_like(factors["outputs"]),
        "mean_square": torch.zeros_like(parameter.flatten(1)),
        "velocity": torch.zeros_like(parameter),
    }


def update(
    parameter: Tensor,
    gradient: Tensor,
    state: State,
    hyper: Hyper,
    signals: LayerSignals,
) -> tuple[Tensor, State]:
    """One step along U_B ((U_B^T g U_A) / (s + damping mean(s))) U_A^T, with momentum."""
    factors = new_factors(state, hyper, signals)
    inputs, outputs = (eigenbasis(factors[side])[1] for side in ("inputs", "outputs"))
    turned_out = (outputs.mT @ state["outputs_basis"]).square()
    turned_in = (inputs.mT @ state["inputs_basis"]).square()
    mean_square = turned_out @ state["mean_square"] @ turned_in.mT
    mean_square = decayed(mean_square, _squares(signals, inputs, outputs), hyper["beta_squares"])
    corrected = mean_square / (1 - hyper["beta_squares"] ** factors["step"])
    damped = corrected + hyper["damping"] * corrected.mean()
    step = outputs @ (outputs.mT @ gradient.flatten(1) @ inputs / damped) @ inputs.mT
    velocity = hyper["momentum"] * state["velocity"] + step.reshape(gradient.shape)
    new_parameter = shrunk(parameter, hyper) - hyper["learning_rate"] * velocity
    return new_parameter, {
        **factors,
        "inputs_basis": inputs,
        "outputs_basis": outputs,
        "mean_square": mean_square,
        "velocity": velocity,
    }


def _squares(signals: LayerSignals, inputs: Tensor, outputs: Tensor) -> Tensor:
    """Mean over examples of the squared entries of U_B^T (b a^T) U_A, [fan_out, fan_in]."""
    rotated_outputs = (signals.output_gradients @ outputs).square()
    rotated_inputs = (signals.inputs @ inputs).square()
    return rotated_outputs.mT @ rotated_inputs / signals.inputs.shape[0]
