"""Layer-normalised SGD: every tensor's gradient over the running root of its squared norm.

P = 1 / sqrt(s) with s <- beta s + (1 - beta) (||g||^2 + epsilon) from s = 0, one number per tensor.
The average is not corrected for its start, so update t is up to 1 / sqrt(1 - beta^t) longer than
the learning rate: warm up, or expect a first step of rate / sqrt(1 - beta).

Unit of the learning rate: Frobenius norm of a tensor's change per update of steady size.
"""

from torch import Tensor

from parametrization.nn.updates.update import Hyper, State, decayed, shrunk


def init(parameter: Tensor) -> State:
    """A squared norm of zero."""
    return {"squared_norm": parameter.new_zeros(())}


def update(parameter: Tensor, gradient: Tensor, state: State, hyper: Hyper) -> tuple[Tensor, State]:
    """One step w <- (1 - rate decay) w - rate g / sqrt(s)."""
    current = gradient.square().sum() + hyper["epsilon"]
    squared_norm = decayed(state["squared_norm"], current, hyper["beta2"])
    step = gradient / squared_norm.sqrt()
    new_parameter = shrunk(parameter, hyper) - hyper["learning_rate"] * step
    return new_parameter, {"squared_norm": squared_norm}
