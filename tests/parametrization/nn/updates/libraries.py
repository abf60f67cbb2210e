"""What other implementations each optimizer is compared with, by the declared name.

Where a library deviates from the paper the comparison has the options that both agree on; steps
that no library takes are compared with their formulas in the tests of that optimizer.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import pytorch_optimizer
import torch
from pytorch_optimizer.optimizer.scion import LMONorm

MATRIX: Final = (5, 4)


class Compared(NamedTuple):
    """One comparison.

    Attributes:
        library: makes an optimizer of a list of parameters and `options`.
        hyper: what ours is given in place of its defaults.
        tolerance: largest difference of an entry anywhere along 25 steps.

    """

    library: Callable[..., Any]
    hyper: Mapping[str, float]
    options: Mapping[str, Any]
    shape: tuple[int, ...] = MATRIX
    tolerance: float = 1e-13
    moves: float = 0.1


def _adam(library: Callable[..., Any], **decay: float) -> Compared:
    hyper = {"learning_rate": 0.03, "beta1": 0.8, "beta2": 0.97, "epsilon": 1e-4, **decay}
    return Compared(library, hyper, {"lr": 0.03, "betas": (0.8, 0.97), "eps": 1e-4, **decay})


def _sgd(hyper: Mapping[str, float], **options: Any) -> Compared:  # noqa: ANN401  of torch
    return Compared(torch.optim.SGD, {"learning_rate": 0.03, **hyper}, {"lr": 0.03, **options})


def _rmsprop(momentum: float) -> Compared:
    return Compared(
        torch.optim.RMSprop,
        {"learning_rate": 0.02, "beta2": 0.9, "epsilon": 1e-3, "momentum": momentum},
        {"lr": 0.02, "alpha": 0.9, "eps": 1e-3, "momentum": momentum},
    )


def _adafactor(shape: tuple[int, ...], rate: float, epsilon: float) -> Compared:
    return Compared(
        torch.optim.Adafactor,
        {
            "learning_rate": rate,
            "beta2_decay": -0.7,
            "epsilon": epsilon,
            "smallest_size": 0.01,
            "clip_threshold": 1.1,
            "weight_decay": 0.1,
        },
        {"lr": rate, "beta2_decay": -0.7, "eps": (epsilon, 0.01), "d": 1.1, "weight_decay": 0.1},
        shape,
        1e-12,
        0.05,
    )


def _scion(
    shape: tuple[int, ...],
    tolerance: float,
    *,
    constrained: bool,
    **options: Any,  # noqa: ANN401  of the library
) -> Compared:
    """The library orthogonalises in bfloat16, which limits the comparison to 2 %."""
    decay = {"weight_decay": 1.0 if constrained else 0.3}
    return Compared(
        pytorch_optimizer.SCION,
        {"learning_rate": 0.05, "momentum": 0.8, "radius": 2.0, "epsilon": 1e-8, **decay},
        {"lr": 0.05, "momentum": 0.2, "scale": 2.0, **options}
        | ({"constraint": True} if constrained else decay),
        shape,
        tolerance,
    )


_UNSIGNED: Final = {"norm_type": LMONorm.SIGN, "norm_kwargs": {"normalize": False}}
_SOAP: Final = {"learning_rate": 0.05, "beta1": 0.8, "beta2": 0.9, "beta_factors": 0.85}
_BOTH: Final = (False, True)

COMPARED: Final[Mapping[str, tuple[Compared, ...]]] = {
    "adam": (_adam(torch.optim.Adam),),
    "adamw": (_adam(torch.optim.AdamW, weight_decay=0.3),),
    "sgd": (
        _sgd({"momentum": 0.0}),
        _sgd({"momentum": 0.0, "weight_decay": 0.1}, weight_decay=0.1),
        _sgd({}, momentum=0.9),
        _sgd({"momentum": 0.7, "weight_decay": 0.1}, momentum=0.7, weight_decay=0.1),
    ),
    "sgd_nesterov": (_sgd({"weight_decay": 0.1}, momentum=0.9, weight_decay=0.1, nesterov=True),),
    "rmsprop": (_rmsprop(0.0), _rmsprop(0.8)),
    "adagrad": (
        Compared(
            torch.optim.Adagrad,
            {"learning_rate": 0.1, "epsilon": 1e-3, "initial_accumulator": 0.2},
            {"lr": 0.1, "eps": 1e-3, "initial_accumulator_value": 0.2},
        ),
    ),
    "adafactor": tuple(
        _adafactor(shape, rate, epsilon)
        for shape in ((5, 4), (4, 5), (6,), (3, 2, 4))
        for rate in (0.05, 0.5)  # the second is bounded by 1 / sqrt(step) from 4 on
        for epsilon in (1e-8, 0.3)  # the second bounds second moments from below
    ),
    "lion": (
        Compared(
            pytorch_optimizer.Lion,
            {"learning_rate": 0.03, "beta1": 0.8, "weight_decay": 0.3},
            {"lr": 0.03, "betas": (0.8, 0.99), "weight_decay": 0.3, "weight_decouple": True},
        ),
    ),
    # It rescales matrices only; the paper rescales all tensors: see test_lars.py.
    "lars": (
        Compared(
            pytorch_optimizer.LARS,
            {"learning_rate": 3.0, "momentum": 0.8, "trust_coefficient": 0.01, "weight_decay": 0.3},
            {"lr": 3.0, "momentum": 0.8, "trust_coefficient": 0.01, "weight_decay": 0.3},
        ),
    ),
    # It adds 1e-15 to second moments before the root; at their size here that is below 1e-10.
    "schedule_free_adamw": (
        _adam(pytorch_optimizer.ScheduleFreeAdamW, weight_decay=0.3)._replace(tolerance=1e-10),
    ),
    # It adds squares up (beta2 = 1), and its momentum feeds the preconditioned gradient back in.
    "shampoo_quarter": (
        Compared(
            pytorch_optimizer.Shampoo,
            {"learning_rate": 0.1, "beta1": 0.0, "beta2": 1.0, "epsilon": 1e-3},
            {"lr": 0.1, "matrix_eps": 1e-3},
            tolerance=1e-12,
        ),
    ),
    # It takes QR decompositions in float32, whatever the dtype.
    "soap": (
        Compared(
            pytorch_optimizer.SOAP,
            {**_SOAP, "epsilon": 1e-4, "weight_decay": 0.3},
            {
                **{"lr": 0.05, "betas": (0.8, 0.9), "shampoo_beta": 0.85, "eps": 1e-4},
                **{"weight_decay": 0.3, "precondition_frequency": 1},
            },
            tolerance=1e-6,
        ),
    ),
    "scion_column": tuple(
        _scion(MATRIX, 1e-12, constrained=c, norm_type=LMONorm.COL) for c in _BOTH
    ),
    "scion_sign": tuple(_scion(MATRIX, 1e-12, constrained=c, **_UNSIGNED) for c in _BOTH),
    "scion_rms": tuple(_scion((5,), 1e-12, constrained=c, norm_type=LMONorm.BIAS) for c in _BOTH),
    "scion_spectral": tuple(
        _scion(shape, 2e-2, constrained=c, norm_type=norm)
        for c in _BOTH
        for shape, norm in ((MATRIX, LMONorm.SPECTRAL), ((5, 4, 3, 3), LMONorm.SPECTRALCONV))
    ),
    # torch iterates in bfloat16: up to 4e-3 measured; a wrong convention is off by over 10 %.
    **{
        f"muon_{convention}": tuple(
            Compared(
                torch.optim.Muon,
                {"learning_rate": 0.03, "momentum": 0.9, "weight_decay": 0.3},
                {"lr": 0.03, "momentum": 0.9, "weight_decay": 0.3, "adjust_lr_fn": convention},
                shape,
                1e-2,
            )
            for shape in ((6, 4), (4, 6), (5, 5), (4, 12), (12, 4))
        )
        for convention in ("original", "match_rms_adamw")
    },
}
