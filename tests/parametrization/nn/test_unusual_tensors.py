"""Tensors of unusual kinds are scaled as derived by hand, or refused with what to do."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from parametrization.nn.apply import apply
from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.classify import UnclassifiedTensors
from parametrization.nn.fold_multipliers import fold_multipliers
from parametrization.nn.layers import WithMultiplier
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from parametrization.shapes.roles import Role
from tests.parametrization.builders import hyperparameters

Build = Callable[[int], nn.Module]
BASE, TARGET = 32, 128


class Readout(nn.Module):
    """A wide layer and a readout of any kind, called as its own arguments ask."""

    def __init__(self, width: int, readout: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, width), readout(width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        given = (x, x) if isinstance(self.last, nn.Bilinear) else (x[:, :, None, None, None],)
        if isinstance(self.last, nn.ConvTranspose2d):
            given = (x[:, :, None, None],)
        result: Tensor = self.last(*given)
        return result


READOUTS: dict[str, tuple[Callable[[int], nn.Module], float]] = {
    "conv3d": (lambda w: nn.Conv3d(w, 5, 1), 1 / 4),
    "transposed": (lambda w: nn.ConvTranspose2d(w, 5, 4), 1 / 4),
    # Both inputs are summed over: the square of the width.
    "bilinear": (lambda w: nn.Bilinear(w, w, 5), 1 / 16),
}


@pytest.mark.parametrize("kind", READOUTS)
def test_readouts_of_every_kind_get_their_multiplier_and_give_it_up(kind: str) -> None:
    readout, multiplier = READOUTS[kind]

    def build(width: int) -> nn.Module:
        return Readout(width, readout)

    with pytest.raises(UnclassifiedTensors) as refused:
        derive_model_shape(build(BASE), build(2 * BASE), BASE)
    assert refused.value.proposals == {"last.weight": Role.OUTPUT}
    shape = derive_model_shape(build(BASE), build(2 * BASE), BASE, roles=refused.value.proposals)
    model, x = build(TARGET), torch.ones(2, 3)
    apply(
        model,
        shape,
        hyperparameters("adamw"),
        Multipliers(width=TARGET / BASE),
        optimizer="adamw",
        schedule=Schedule(),
        steps=10,
        seed=0,
    )
    last = model.get_submodule("last")
    assert isinstance(last, WithMultiplier)
    assert last.multiplier == multiplier
    before = model(x)
    again = copy.deepcopy(model)
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(x), before)
    plain = type(build(1).get_submodule("last"))
    fold_multipliers(model)
    assert type(model.get_submodule("last")) is plain
    torch.testing.assert_close(model(x), before)


class Filters(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(3, width)
        self.filters = nn.Parameter(torch.zeros(width, 9, dtype=torch.cfloat))


def test_complex_parameters_are_refused_unless_frozen() -> None:
    complaint = r"filters is complex64, .* torch\.view_as_real"
    with pytest.raises(ValueError, match=complaint):
        derive_model_shape(Filters(32), Filters(64), 32)
    base, delta = Filters(32), Filters(64)
    for model in (base, delta):
        model.filters.requires_grad = False
    shape = derive_model_shape(base, delta, 32)
    assert [t.name for t in shape.tensors if t.kept] == ["filters"]


def test_lazy_layers_are_called_before_they_have_a_shape() -> None:
    def build(width: int) -> nn.Module:
        return nn.Sequential(nn.LazyLinear(width), nn.ReLU(), nn.LazyLinear(width))

    complaint = r"0\.weight is of a LazyLinear and has no shape yet: call the model on one batch"
    with pytest.raises(ValueError, match=complaint):
        derive_model_shape(build(32), build(64), 32)
    base, delta = build(32), build(64)
    for model in (base, delta):
        model(torch.ones(1, 3))
    roles = [t.role for t in derive_model_shape(base, delta, 32).tensors]
    assert roles == [Role.INPUT, Role.VECTOR, Role.HIDDEN, Role.VECTOR]


class Quantised(nn.Module):
    """Codes that no optimizer trains, beside numbers in which nothing grows."""

    def __init__(self, width: int) -> None:
        super().__init__()
        codes = torch.ones(width, width, dtype=torch.int8)
        self.codes = nn.Parameter(codes, requires_grad=False)
        self.first = nn.Linear(3, width)
        self.logit_scale = nn.Parameter(torch.tensor(2.5))
        self.thresholds = nn.Parameter(torch.tensor([0.5, 1.5]))


def test_codes_and_single_numbers_need_no_declaration_and_stay() -> None:
    shape = derive_model_shape(Quantised(32), Quantised(64), 32)
    by_name = {tensor.name: tensor for tensor in shape.tensors}
    assert by_name["codes"].kept
    assert by_name["thresholds"].kept
    assert (by_name["logit_scale"].role, by_name["logit_scale"].constant) == (Role.SCALAR, 2.5)
    numbers = scale(shape, hyperparameters("adamw"), Multipliers(width=4.0), optimizer="adamw")
    rate = hyperparameters("adamw")["learning_rate"]
    assert {s.learning_rate for s in numbers if s.name in ("logit_scale", "thresholds")} == {rate}


class Projected(nn.Module):
    """A table of a fixed size that is read out as well, as OPT's and ALBERT's are."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.table, self.enter = nn.Embedding(11, 16), nn.Linear(16, width)
        self.hidden, self.leave = nn.Linear(width, width), nn.Linear(width, 16)
        self.lm_head = nn.Linear(16, 11, bias=False)
        self.lm_head.weight = self.table.weight


def test_a_tied_table_in_which_nothing_grows_has_one_role() -> None:
    shape = derive_model_shape(
        Projected(32), Projected(64), 32, roles={"leave.weight": Role.FIXED_BOTTLENECK}
    )
    assert shape.tensors[0].role is Role.SCALAR
    assert not shape.tensors[0].tied


class MatrixOfPatterns(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(3, width)
        self.turn = nn.Parameter(torch.eye(width))


def test_a_matrix_is_proposed_as_one_however_often_its_entries_repeat() -> None:
    with pytest.raises(UnclassifiedTensors) as refused:
        derive_model_shape(MatrixOfPatterns(32), MatrixOfPatterns(64), 32)
    said = refused.value.proposals["turn"]
    assert not isinstance(said, Role)
    assert (said.role, said.fan_in_axis, said.fan_out_axis) == (Role.HIDDEN, 1, 0)


def test_a_bias_of_one_entry_starts_at_zero_as_longer_ones_do() -> None:
    def build(width: int) -> nn.Module:
        return nn.Sequential(nn.Linear(3, width), nn.Linear(width, 1))

    shape = derive_model_shape(build(32), build(64), 32, roles={"1.weight": Role.OUTPUT})
    assert (shape.tensors[-1].constant, shape.tensors[-1].kept) == (0.0, False)


class SelectiveSSM(nn.Module):
    """Constants of a state space and of RWKV, tokens and a head, by their names."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.A_log = nn.Parameter(torch.ones(width, 8))
        self.time_decay = nn.Parameter(torch.linspace(-3, 0, width))
        self.time_mix_k = nn.Parameter(torch.linspace(0, 1, width)[None, None])
        self.registers = nn.Parameter(torch.randn(1, 4, width))
        self.value_head, self.last = nn.Linear(width, 1), nn.Linear(8, width)


def test_names_that_say_what_a_tensor_is_are_known() -> None:
    shape = derive_model_shape(SelectiveSSM(32), SelectiveSSM(64), 32)
    found = {t.name: (t.role, t.fan_in_axis, t.kept) for t in shape.tensors}
    assert found["A_log"] == (Role.VECTOR, None, False)  # all ones
    assert found["time_decay"] == (Role.VECTOR, None, True)
    assert found["time_mix_k"] == (Role.VECTOR, None, True)
    assert found["registers"] == (Role.INPUT, None, True)
    assert found["value_head.weight"] == (Role.OUTPUT, 1, False)
