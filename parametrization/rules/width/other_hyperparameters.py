"""Width rules of hyperparameters beyond rate, decay and epsilon that some optimizers have.

What is not listed does not change with width: betas, momenta, damping relative to a trace, trust.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from parametrization.optimizers.declaration import Hyperparameter, OptimizerDeclaration
from parametrization.optimizers.names import PLUGINS, Optimizer
from parametrization.rules.row import Evidence
from parametrization.rules.sources import DUAL_NORM, HERE, SHAMPOO, TP5_OTHERS
from parametrization.rules.width.derived import DERIVED, ratio_exponents, size_exponents
from parametrization.shapes.roles import Role


class OtherRow(NamedTuple):
    """Exponents (of m_in, of m_out) by role; roles that are not listed keep the number.

    Attributes:
        gradient_power: the number is of the gradient's size to this power, in depth as well.
        size_power: and of the tensor's own size to this one.
        is_rate: it is what sets the length of a step.
        is_ratio: of two rates, of steps of two degrees: no epsilon policy concerns it.

    """

    exponents: Mapping[Role, tuple[float, float]]
    gradient_power: float
    size_power: int
    is_rate: bool
    evidence: Evidence
    is_ratio: bool = False


# fmt: off
_ADAMS_RATE: Final = {
    Role.HIDDEN: (-1.0, 0.0), Role.FIXED_BOTTLENECK: (-1.0, 0.0), Role.GQA_KV: (-1.0, 0.0),
}
_ENTRY: Final = {
    Role.INPUT: (0.0, -1.0), Role.HIDDEN: (0.0, -1.0), Role.OUTPUT: (-1.0, 0.0),
    Role.VECTOR: (0.0, -1.0), Role.FINAL_NORM: (0.0, -1.0), Role.MOE_ROUTER: (-1.0, 0.0),
    Role.FIXED_BOTTLENECK: (-0.5, 0.0), Role.GQA_KV: (-0.5, 0.0),
}
_SQUARED_ENTRY: Final = {
    Role.INPUT: (0.0, -2.0), Role.HIDDEN: (0.0, -2.0), Role.OUTPUT: (-2.0, 0.0),
    Role.VECTOR: (0.0, -2.0), Role.FINAL_NORM: (0.0, -2.0), Role.MOE_ROUTER: (-2.0, 0.0),
    Role.FIXED_BOTTLENECK: (-1.0, 0.0), Role.GQA_KV: (-1.0, 0.0),
}
_INITIAL_SIZE: Final = {
    Role.HIDDEN: (-0.5, 0.0), Role.FIXED_BOTTLENECK: (-1.0, 0.0), Role.GQA_KV: (-0.5, 0.0),
}
_ENTRIES: Final = {
    Role.INPUT: (0.0, 1.0), Role.HIDDEN: (1.0, 1.0), Role.OUTPUT: (1.0, 0.0),
    Role.MOE_ROUTER: (1.0, 0.0),
}
# fmt: on


def _of_plugin(declared: OptimizerDeclaration, given: Hyperparameter) -> OtherRow:
    if given.steps is not None:
        power = declared.step.degree - given.steps.degree
        exponents = ratio_exponents(given.steps, declared.step)
        return OtherRow(exponents, power, 0, False, DERIVED, is_ratio=True)
    exponents = size_exponents(given.gradient_power, declared.step.kind)
    return OtherRow(exponents, given.gradient_power, 0, False, DERIVED)


OTHER_HYPERPARAMETERS: Final[Mapping[tuple[Optimizer, str], OtherRow]] = {
    (Optimizer.SIGN_DESCENT, "radius"): OtherRow(
        _ADAMS_RATE, 0, 1, True, DUAL_NORM.graded("DV", "M", "keeps the dual norm free of width")
    ),
    (Optimizer.ADAGRAD, "initial_accumulator"): OtherRow(
        _SQUARED_ENTRY, 2, 0, False, TP5_OTHERS.graded("TV", "M")
    ),
    (Optimizer.EKFAC, "damping"): OtherRow(
        _ENTRIES, 0, 0, False, HERE.graded("DV", "M", "makes damping relative to the sum, not mean")
    ),
    (Optimizer.SHAMPOO_GRAFTED, "epsilon_graft"): OtherRow(_ENTRY, 1, 0, False, SHAMPOO),
    (Optimizer.ADAFACTOR, "smallest_size"): OtherRow(
        _INITIAL_SIZE, 0, 1, False, HERE.graded("D", "M", "bounds the tensor's own size")
    ),
    **{
        (Optimizer(optimizer), name): _of_plugin(plugin.declaration, given)
        for optimizer, plugin in PLUGINS.usable.items()
        for name, given in plugin.declaration.hyperparameters.items()
        if name != "epsilon" and (given.steps is not None or given.gradient_power)
    },
}
