"""The problems of the repository's own bank: what they train, and at which rates and widths."""

from typing import Final, NamedTuple

from parametrization.rules.parametrization import Parametrization
from tuner.spec.datasets.dataset import Dataset
from tuner.spec.datasets.digits import Digits
from tuner.spec.datasets.noised_digits import NoisedDigits
from tuner.spec.datasets.stdlib_text import StdlibText
from tuner.spec.families.dit import Dit
from tuner.spec.families.gpt import Gpt
from tuner.spec.families.mlp import Mlp
from tuner.spec.families.resnet import Resnet
from tuner.spec.families.vit import Vit
from tuner.spec.study_fields import Training

BankFamily = Mlp | Gpt | Vit | Resnet | Dit


class BankProblem(NamedTuple):
    """One table of the bank; the first width is the base, the last one the target."""

    family: BankFamily
    dataset: Dataset
    optimizer: str
    widths: tuple[int, ...]
    training: Training
    log2_rates: tuple[int, int]
    """Ends of the rates, half an octave apart."""
    parametrization: Parametrization = Parametrization.MUP


_DIGITS: Final = Digits(name="digits")
_TEXT: Final = StdlibText(name="stdlib-text")
_RELU: Final = Mlp(name="mlp", depth=3)
_GPT: Final = Gpt(name="gpt", depth=2, head_size=8, context=32)
_MLP_WIDTHS: Final = (32, 64, 128, 256, 512)
_GPT_WIDTHS: Final = (16, 32, 64, 128, 256)
_NARROW: Final = (8, 16, 32, 64, 128)
_MLP_TRAINING: Final = Training(steps=120, batch_size=32)
_GPT_TRAINING: Final = Training(steps=100, batch_size=16)


def _mlp(optimizer: str, rates: tuple[int, int]) -> BankProblem:
    return BankProblem(_RELU, _DIGITS, optimizer, _MLP_WIDTHS, _MLP_TRAINING, rates)


def _gpt(optimizer: str, rates: tuple[int, int]) -> BankProblem:
    return BankProblem(_GPT, _TEXT, optimizer, _GPT_WIDTHS, _GPT_TRAINING, rates)


PROBLEMS: Final[dict[str, BankProblem]] = {
    "mlp-adamw": _mlp("adamw", (-9, -1)),
    "mlp-sgd": _mlp("sgd", (-8, 0)),
    "mlp-lion": _mlp("lion", (-13, -5)),
    "mlp-muon": _mlp("muon_spectral", (-9, -1)),
    "mlp-soap": _mlp("soap", (-10, -2)),
    "mlp-tanh": _mlp("adamw", (-9, -1))._replace(
        family=Mlp(name="mlp", depth=3, activation="tanh")
    ),
    "gpt-adamw": _gpt("adamw", (-8, 0)),
    "gpt-lion": _gpt("lion", (-12, -4)),
    "gpt-muon": _gpt("muon_spectral", (-8, 0)),
    "vit-adamw": BankProblem(
        Vit(name="vit", head_size=8),
        _DIGITS,
        "adamw",
        _NARROW,
        Training(steps=100, batch_size=32),
        (-10, -2),
    ),
    "resnet-sgd": BankProblem(
        Resnet(name="resnet"),
        _DIGITS,
        "sgd",
        _NARROW,
        Training(steps=60, batch_size=16),
        (-8, 0),
    ),
    "dit-adamw": BankProblem(
        Dit(name="dit", head_size=8),
        NoisedDigits(name="noised-digits"),
        "adamw",
        _NARROW,
        Training(steps=60, batch_size=16),
        (-10, -2),
    ),
    "mlp-adamw-sp": _mlp("adamw", (-11, -2))._replace(parametrization=Parametrization.SP),
    "mlp-adamw-short": _mlp("adamw", (-9, -1))._replace(training=Training(steps=8, batch_size=32)),
}
"""By name; `sp` and `short` mark those whose answers should be flagged."""
