"""Adam whose step an LSTM reshapes, entry by entry, with weights that were meta-trained on proxies.

After Andrychowicz et al. 2016, arXiv:1606.04474: one small LSTM, shared by all entries, each with a
state of its own. Its inputs are free of the gradient's size, |u|, |g'| and u g', where u is Adam's
step and g' the gradient over its running size; so steps have degree 0 and Adam's rules of width,
and a weight that was learned on a narrow model means the same on a wide one. Its two outputs are a
gain on u and a share of g': the step is odd in the gradient, as a step should be, and with outputs
of zero it is Adam's.

`python -m more_optimizers.meta_training` made the weights in `learned_weights.json`. On proxies it
had not seen, mean log losses after 100 updates were -3.14 against Adam's -2.89 at a rate of 2^-7,
-3.81 against -3.74 at the best rate, 2^-5, and -2.27 against -3.58 at 2^-4: an example of how to
bring one, not of one to use.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

import torch
from torch import Tensor

from parametrization.nn.updates import adam
from parametrization.nn.updates.update import Hyper, State

UNITS: Final = 4
INPUTS: Final = 3
LARGEST_INPUT: Final = 3.0
LARGEST_LOG_GAIN: Final = 1.5


class Weights(NamedTuple):
    """Weights of the LSTM (input, forget, candidate, output gate) and of its readout."""

    of_inputs: Tensor
    """[4 UNITS, INPUTS]"""
    of_units: Tensor
    """[4 UNITS, UNITS]"""
    bias: Tensor
    """[4 UNITS]"""
    readout: Tensor
    """[2, UNITS]: the log of the gain on Adam's step, and the share of the gradient."""


def init(parameter: Tensor) -> State:
    """Adam's moments and, for every entry, an LSTM at rest."""
    at_rest = torch.zeros_like(parameter).expand(UNITS, *parameter.shape)
    return {**adam.init(parameter), "units": at_rest.clone(), "cells": at_rest.clone()}


def update(parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper) -> tuple[Tensor, State]:
    """One step with the weights that were learned."""
    return update_with(learned_weights(), parameter, gradient, state, hyper)


def update_with(
    weights: Weights, parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper
) -> tuple[Tensor, State]:
    """One step with any weights; differentiable in them."""
    adams, moments = adam.direction(gradient, state, hyper)
    size = moments["mean_square"].sqrt() / (1 - hyper["beta2"] ** moments["step"]).sqrt()
    relative = gradient / (size + hyper["epsilon"])
    seen = torch.stack([adams.abs(), relative.abs(), adams * relative])
    units, cells = _lstm(weights, seen.clamp(-LARGEST_INPUT, LARGEST_INPUT), state)
    log_gain, share = torch.einsum("ou,u...->o...", weights.readout.to(units.dtype), units)
    step = (LARGEST_LOG_GAIN * log_gain.tanh()).exp() * adams + share.tanh() * relative
    return parameter - hyper["learning_rate"] * step, {**moments, "units": units, "cells": cells}


def _lstm(weights: Weights, seen: Tensor, state: State) -> tuple[Tensor, Tensor]:
    """The next units and cells of every entry, [UNITS, ...]."""
    units, cells = state["units"], state["cells"]
    gates = (
        torch.einsum("gi,i...->g...", weights.of_inputs.to(seen.dtype), seen)
        + torch.einsum("gu,u...->g...", weights.of_units.to(seen.dtype), units)
        + weights.bias.to(seen.dtype).reshape(-1, *(1 for _ in seen.shape[1:]))
    )
    opening, keeping, candidate, showing = gates.reshape(4, UNITS, *gates.shape[1:])
    cells = keeping.sigmoid() * cells + opening.sigmoid() * candidate.tanh()
    return showing.sigmoid() * cells.tanh(), cells


@cache
def learned_weights() -> Weights:
    """The weights that `meta_training` found, in float64."""
    stored = json.loads(files("more_optimizers").joinpath("learned_weights.json").read_text())
    return Weights(*(torch.tensor(stored[name], dtype=torch.float64) for name in Weights._fields))
