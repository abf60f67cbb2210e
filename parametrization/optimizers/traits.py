"""What the rules need to know of every optimizer besides its exponents of width."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from parametrization.optimizers.names import PLUGINS, Optimizer


class Traits(NamedTuple):
    """How an optimizer's step answers to gradients and weights.

    Attributes:
        degree: p, such that gradients times c make a step times c ** p.
        takes: its hyperparameters besides `learning_rate`.
        weight_degree: 1 where the step is relative to the tensor's size, else 0.
        epsilon_power: epsilon is of the gradient's size to this power.
        decay_degree: of the gradient in what weight decay is multiplied by; the step's own
            unless decay stands inside a trust ratio.
        rate: the hyperparameter that sets the length of a tensor's step.

    """

    spoken: str
    degree: float
    takes: frozenset[str]
    weight_degree: int = 0
    epsilon_power: float = 1
    decay_degree: int | None = None
    rate: str = "learning_rate"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DECAY: Final = _names("weight_decay")
_ADAM: Final = _names("beta1 beta2 epsilon")
_MOMENTUM: Final = _names("momentum weight_decay")
_MUON: Final = _names("momentum epsilon weight_decay")
_SCION: Final = _names("momentum radius epsilon weight_decay")
_MODULAR: Final = _names("momentum mass_share epsilon weight_decay")
_KFAC: Final = _names("momentum beta_factors damping weight_decay")


def _of_plugin(name: str) -> Traits:
    declared = PLUGINS.usable[name].declaration
    epsilon = declared.hyperparameters.get("epsilon")
    return Traits(
        name,
        declared.step.degree,
        frozenset(declared.hyperparameters),
        epsilon_power=1 if epsilon is None else epsilon.gradient_power,
    )


# fmt: off
TRAITS: Final[Mapping[Optimizer, Traits]] = {
    Optimizer.ADAM: Traits("Adam", 0, _ADAM),
    Optimizer.ADAMW: Traits("AdamW", 0, _ADAM | _DECAY),
    Optimizer.SGD: Traits("SGD", 1, _MOMENTUM),
    Optimizer.SGD_MOMENTUM: Traits("SGD with momentum", 1, _MOMENTUM),
    Optimizer.SGD_NESTEROV: Traits("Nesterov SGD", 1, _MOMENTUM),
    Optimizer.ADAGRAD: Traits("AdaGrad", 0, _names("epsilon initial_accumulator")),
    Optimizer.RMSPROP: Traits("RMSProp", 0, _names("beta2 epsilon momentum")),
    Optimizer.SCHEDULE_FREE_ADAMW: Traits("schedule-free AdamW", 0, _ADAM | _DECAY),
    Optimizer.LION: Traits("Lion", 0, _names("beta1 beta2 weight_decay")),
    Optimizer.SIGN_DESCENT: Traits("sign descent", 1, _names("radius weight_decay"), rate="radius"),
    Optimizer.LAYER_NORMALISED_SGD: Traits(
        "layer-normalised SGD", 0, _names("beta2 epsilon weight_decay"), epsilon_power=2
    ),
    Optimizer.LARS: Traits(
        "LARS", 0, _names("momentum trust_coefficient weight_decay"), weight_degree=1,
        decay_degree=1,
    ),
    Optimizer.LAMB: Traits("LAMB", 0, _ADAM | _DECAY, weight_degree=1, decay_degree=0),
    Optimizer.ADAFACTOR: Traits(
        "Adafactor", 0,
        _names("beta2_decay clip_threshold epsilon smallest_size weight_decay"), weight_degree=1,
    ),
    Optimizer.MUON_SPECTRAL: Traits("Muon", 0, _MUON),
    Optimizer.MUON_ORIGINAL: Traits("Muon (original)", 0, _MUON),
    Optimizer.MUON_MATCH_RMS_ADAMW: Traits("Muon (match_rms_adamw)", 0, _MUON),
    Optimizer.MUON_BARE: Traits("Muon (bare)", 0, _MUON),
    Optimizer.SCION_COLUMN: Traits("Scion (column)", 0, _SCION),
    Optimizer.SCION_SPECTRAL: Traits("Scion (spectral)", 0, _SCION),
    Optimizer.SCION_SPECTRAL_AT_LEAST_ONE: Traits("Scion (spectral, at least 1)", 0, _SCION),
    Optimizer.SCION_SIGN: Traits("Scion (sign)", 0, _SCION),
    Optimizer.SCION_SIGN_OVER_FAN_IN: Traits("Scion (sign over fan-in)", 0, _SCION),
    Optimizer.SCION_RMS: Traits("Scion (rms)", 0, _SCION),
    Optimizer.MODULAR_MATRIX: Traits("modular norm (matrix)", 0, _MODULAR),
    Optimizer.MODULAR_EMBEDDING: Traits("modular norm (embedding)", 0, _MODULAR),
    Optimizer.MODULAR_VECTOR: Traits("modular norm (vector)", 0, _MODULAR),
    Optimizer.SHAMPOO_QUARTER: Traits("Shampoo (1/4)", 0, _ADAM | _DECAY, epsilon_power=2),
    Optimizer.SHAMPOO_HALF: Traits("Shampoo (1/2)", -1, _ADAM | _DECAY, epsilon_power=2),
    Optimizer.SHAMPOO_GRAFTED: Traits(
        "Shampoo (grafted)", 0, _ADAM | _DECAY | {"epsilon_graft"}, epsilon_power=2
    ),
    Optimizer.SOAP: Traits("SOAP", 0, _ADAM | _DECAY | {"beta_factors"}),
    Optimizer.KFAC: Traits("K-FAC", -1, _KFAC),
    Optimizer.EKFAC: Traits("EKFAC", -1, _KFAC | {"beta_squares"}),
    **{Optimizer(name): _of_plugin(name) for name in PLUGINS.usable},
}
# fmt: on
