"""The table of every parameter's numbers."""

import pytest

from parametrization.nn.describe import as_text, describe
from tests.parametrization.builders import scalings_of
from tests.parametrization.nn.small_models import Gpt, Mlp


def test_every_parameter_has_a_record_with_the_numbers_it_trains_with() -> None:
    scalings = scalings_of(Gpt, 128)
    described = describe(scalings, Gpt(128))
    assert [one.name for one in described] == [name for name, _ in Gpt(128).named_parameters()]
    for one, scaling in zip(described, scalings, strict=True):
        assert (one.learning_rate, one.weight_decay, one.epsilon) == (
            scaling.learning_rate,
            scaling.weight_decay,
            scaling.epsilon,
        )
        assert (one.initial_std, one.multiplier) == (scaling.init_std, scaling.multiplier)
        assert one.why == scaling.reason


def test_the_table_is_plain_text_with_one_line_per_parameter() -> None:
    lines = as_text(describe(scalings_of(Mlp, 128))).splitlines()
    assert lines[0].split() == [
        *("parameter", "shape", "role", "rate", "decay", "eps", "std", "multiplier", "why")
    ]
    assert len(lines) == 1 + 8
    cells = next(line for line in lines if line.startswith("layers.1.weight")).split()
    assert cells[:8] == [
        *("layers.1.weight", "128x128", "hidden", "0.00391", "0.4", "2.5e-09", "0.0884", "1")
    ]
    bias = next(line for line in lines if line.startswith("layers.1.bias"))
    assert "all 0" in bias
    readout = next(line for line in lines if line.startswith("readout.weight")).split()
    assert readout[7] == "0.25"


def test_an_optimizer_without_epsilon_shows_none() -> None:
    (first, *_) = describe(scalings_of(Mlp, 64, optimizer="sgd"))
    assert first.epsilon is None
    assert " - " in as_text([first])


def test_a_table_of_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match="the scalings are of another model"):
        describe(scalings_of(Mlp, 64), Gpt(64))
