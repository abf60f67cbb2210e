"""Every optimizer that a study can name: its numbers' defaults and where its rate is searched.

The same defaults as the update functions', as data: this module is read where torch is not
installed, and a test holds the two together.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from parametrization.optimizers.names import PLUGINS
from parametrization.rules.lookup import Optimizer
from parametrization.scaling.companions import PREFIX, RATIO


class Studied(NamedTuple):
    """One optimizer as a study offers it.

    Attributes:
        words: what it is, for the catalogue.
        defaults: of every hyperparameter but the learning rate and the two factors that all have.
        log2_rates: ends of the learning rates searched by default, at the base width.
        refused: hyperparameters that users expect and that have no place here, with the reason.
        decays: whether its rate follows the schedule after warm-up; not where averaging replaces
            decay, which then keeps its peak rate.

    """

    words: str
    defaults: Mapping[str, float]
    log2_rates: tuple[int, int]
    refused: Mapping[str, str] = {}
    decays: bool = True


_NO_L2: Final = {
    "weight_decay": "L2 in the gradient is normalised away, so no rule keeps its strength over"
    " widths: leave it out, or use adamw, which decays the weights themselves"
}
_COMPANION: Final = {
    RATIO: 1.0,
    PREFIX + "beta1": 0.9,
    PREFIX + "beta2": 0.95,
    PREFIX + "epsilon": 1e-8,
    PREFIX + "weight_decay": 0.0,
}
_ADAM: Final = {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8}
_MOMENTUM: Final = {"momentum": 0.9, "weight_decay": 0.0}
_MUON: Final = {"momentum": 0.95, "epsilon": 1e-7, "weight_decay": 0.0, **_COMPANION}
_SHAMPOO: Final = {
    "beta1": 0.9,
    "beta2": 0.95,
    "epsilon": 1e-12,
    "weight_decay": 0.0,
    **_COMPANION,
}
_SOAP: Final = {
    "beta1": 0.95,
    "beta2": 0.95,
    "beta_factors": 0.95,
    "epsilon": 1e-8,
    "weight_decay": 0.0,
    **_COMPANION,
}
_SCION: Final = {"momentum": 0.9, "radius": 1.0, "epsilon": 1e-8, "weight_decay": 0.0, RATIO: 1.0}
_MODULAR: Final = {
    "momentum": 0.95,
    "mass_share": 1.0,
    "epsilon": 1e-8,
    "weight_decay": 0.0,
    RATIO: 1.0,
}
_LAMB: Final = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-6, "weight_decay": 0.0}
_ADAFACTOR: Final = {
    "beta2_decay": -0.8,
    "clip_threshold": 1.0,
    "epsilon": 2.0**-23,
    "smallest_size": 1e-3,
    "weight_decay": 0.0,
}
_KFAC: Final = {"momentum": 0.9, "beta_factors": 0.95, "damping": 1e-2, "weight_decay": 0.0}
_MAPS: Final = "on the weights of linear maps and convolutions, AdamW on everything else"
_ELSEWHERE: Final = "on hidden matrices, AdamW on everything else"

# fmt: off
STUDIED: Final[Mapping[Optimizer, Studied]] = {
    Optimizer.ADAMW: Studied(
        "Adam with decoupled weight decay (w -= learning_rate * weight_decay * w).",
        {**_ADAM, "weight_decay": 0.0}, (-10, -2),
    ),
    Optimizer.ADAM: Studied(
        "Adam without weight decay: L2 in its gradient has no valid width rule.",
        _ADAM, (-10, -2), _NO_L2,
    ),
    Optimizer.SGD: Studied(
        "SGD with heavy-ball momentum; weight decay is L2 in the gradient.", _MOMENTUM, (-10, -2),
    ),
    Optimizer.SGD_NESTEROV: Studied(
        "SGD with Nesterov momentum; weight decay is L2 in the gradient.", _MOMENTUM, (-10, -2),
    ),
    Optimizer.LAYER_NORMALISED_SGD: Studied(
        "SGD divided, tensor by tensor, by the running size of its gradient.",
        {"beta2": 0.9, "epsilon": 1e-8, "weight_decay": 0.0}, (-8, 0),
    ),
    Optimizer.RMSPROP: Studied(
        "RMSProp, with momentum if given.",
        {"beta2": 0.99, "epsilon": 1e-8, "momentum": 0.0}, (-12, -5), _NO_L2,
    ),
    Optimizer.ADAGRAD: Studied(
        "AdaGrad.", {"epsilon": 1e-10, "initial_accumulator": 0.0}, (-9, -1), _NO_L2,
    ),
    Optimizer.SCHEDULE_FREE_ADAMW: Studied(
        "AdamW that averages its iterates instead of decaying its rate: constant after the"
        " schedule's warm-up, whatever the schedule's shape; validated at the average.",
        {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0}, (-9, -1),
        decays=False,
    ),
    Optimizer.LION: Studied(
        "Lion: the sign of a momentum, with decoupled weight decay.",
        {"beta1": 0.9, "beta2": 0.99, "weight_decay": 0.0}, (-13, -5),
    ),
    Optimizer.SIGN_DESCENT: Studied(
        "Sign descent as steepest descent: every step as long as the gradient's dual norm says.",
        {"radius": 1.0, "weight_decay": 0.0}, (-18, -10),
    ),
    Optimizer.LARS: Studied(
        "Momentum SGD whose step is a share of each matrix's norm, plain on biases and gains.",
        {"momentum": 0.9, "trust_coefficient": 1e-3, "weight_decay": 0.0, RATIO: 2.0**-8}, (0, 7),
    ),
    Optimizer.LAMB: Studied(
        "Adam whose step is a share of each tensor's norm.", _LAMB, (-10, -2),
    ),
    Optimizer.ADAFACTOR: Studied(
        "Adafactor: factored second moments, steps relative to each tensor's size.",
        _ADAFACTOR, (-8, 0),
    ),
    Optimizer.MUON_SPECTRAL: Studied(
        f"Muon, step of spectral norm sqrt(fan_out / fan_in), {_ELSEWHERE}.", _MUON, (-9, -1),
    ),
    Optimizer.MUON_ORIGINAL: Studied(
        f"Muon, step factor sqrt(max(1, fan_out / fan_in)), {_ELSEWHERE}.", _MUON, (-9, -1),
    ),
    Optimizer.MUON_MATCH_RMS_ADAMW: Studied(
        f"Muon, steps as large as AdamW's, {_ELSEWHERE}.", _MUON, (-10, -2),
    ),
    Optimizer.SHAMPOO_QUARTER: Studied(
        f"Shampoo with fourth roots of both factors, {_ELSEWHERE}.", _SHAMPOO, (-10, -2),
    ),
    Optimizer.SHAMPOO_HALF: Studied(
        f"Shampoo with square roots of both factors, {_ELSEWHERE}.",
        {**_SHAMPOO, "epsilon": 1e-6}, (-10, -2),
    ),
    Optimizer.SHAMPOO_GRAFTED: Studied(
        f"Shampoo's direction with Adam's length, {_ELSEWHERE}.",
        {**_SHAMPOO, "epsilon_graft": 1e-8}, (-10, -2),
    ),
    Optimizer.SOAP: Studied(
        f"SOAP: Adam in the basis of Shampoo's factors, {_ELSEWHERE}.", _SOAP, (-10, -2),
    ),
    Optimizer.KFAC: Studied(
        f"K-FAC: natural gradient with a Kronecker-factored Fisher matrix, {_MAPS}.",
        {**_KFAC, **_COMPANION}, (-12, -4),
    ),
    Optimizer.EKFAC: Studied(
        f"EKFAC: K-FAC with the gradients' own second moments in its basis, {_MAPS}.",
        {**_KFAC, "damping": 1.0, "beta_squares": 0.95, **_COMPANION}, (-12, -4),
    ),
    Optimizer.SCION_SPECTRAL: Studied(
        "Scion: a norm ball for every kind of tensor, spectral on hidden matrices.",
        _SCION, (-11, -3),
    ),
    Optimizer.MODULAR_MATRIX: Studied(
        "Descent in the modular norm: a unit step for every kind of tensor, times its share of the"
        " mass. Rate multipliers are masses of classes, over that of hidden matrices.",
        _MODULAR, (-9, -1),
    ),
    **{
        Optimizer(name): Studied(declared.words, declared.defaults, declared.log2_rates)
        for name, (declared, _) in PLUGINS.usable.items()
    },
}
# fmt: on
"""In the order of the catalogue; those of installed plugins last."""

NOT_STUDIED: Final[Mapping[Optimizer, str]] = {
    Optimizer.SGD_MOMENTUM: "`sgd` takes a momentum",
    Optimizer.MUON_BARE: "a step that only others' code takes",
    **dict.fromkeys(
        (
            Optimizer.SCION_COLUMN,
            Optimizer.SCION_SPECTRAL_AT_LEAST_ONE,
            Optimizer.SCION_SIGN,
            Optimizer.SCION_SIGN_OVER_FAN_IN,
            Optimizer.SCION_RMS,
        ),
        "a part of Scion, which `scion_spectral` leads",
    ),
    **dict.fromkeys(
        (Optimizer.MODULAR_EMBEDDING, Optimizer.MODULAR_VECTOR),
        "a part of the modular norm, which `modular_matrix` leads",
    ),
}
"""Why the others cannot be named in a study."""
