"""The library on the reader's own model: meta device, sharding, compilation, copies."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from parametrization.nn.apply import apply
from parametrization.nn.initialise import initialise, materialise
from parametrization.nn.layers import ConvReadout, Readout, Residual, TiedReadout
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from parametrization.shapes.roles import Role
from tests.parametrization.builders import hyperparameters, scalings_of, shape_of
from tests.parametrization.nn.many_layers import ConvNet, ResidualMlp, TiedGpt, picture_batch
from tests.parametrization.nn.sharded_training import WIDTH, prepared, train
from tests.parametrization.nn.small_models import Gpt, Mlp, cross_entropy, image_batch, text_batch
from tests.parametrization.nn.two_processes import stored_by_two_processes


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("build", [Mlp, Gpt, ConvNet, TiedGpt])
def test_a_model_from_the_meta_device_starts_like_one_built_in_memory(
    build: type[nn.Module],
) -> None:
    scalings = scalings_of(build, 64)
    with torch.device("meta"):
        late = build(64)
    materialise(late, "cpu")
    usual = build(64)
    for model in (late, usual):
        initialise(model, scalings, generator())
    for (name, one), other in zip(
        late.state_dict().items(), usual.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other), name


class WithAngles(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(3, width)
        self.register_buffer("angles", torch.arange(width), persistent=False)


def test_buffers_that_meta_lost_are_named_and_not_left_to_chance() -> None:
    with torch.device("meta"):
        model = WithAngles(8)
    with pytest.raises(ValueError, match="angles: buffers on the meta device have lost their val"):
        materialise(model, "cpu")


@pytest.mark.slow
@pytest.mark.parametrize("order", ["before", "after"])
def test_a_sharded_model_starts_and_trains_like_the_whole_one(order: str, tmp_path: Path) -> None:
    """Two processes over gloo; sums of gradients are averaged in another order: rounding alone."""
    sharded = stored_by_two_processes("sharded_training", tmp_path, order)
    model = ResidualMlp(WIDTH)
    training = prepared(model)
    assert {name for name, _ in model.named_parameters()} == set(sharded["start"])
    for name, parameter in model.named_parameters():
        assert torch.equal(sharded["start"][name], parameter), name
    assert sharded["losses"] == pytest.approx(train(model, training), rel=1e-5)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(sharded["end"][name], parameter.detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("build", "x"),
    [(TiedGpt, text_batch(0, 0)[0]), (ResidualMlp, image_batch(0, 0)[0])],
    ids=["tied", "residual"],
)
def test_multipliers_survive_copies_compilation_and_checkpoints(
    build: type[nn.Module], x: Tensor
) -> None:
    model = build(128)
    initialise(model, scalings_of(build, 128), generator())
    for module in model.modules():
        if isinstance(module, Residual):
            module.multiplier = 0.5
    expected = model(x)
    fresh = build(128)
    fresh.load_state_dict(model.state_dict())
    averaged = torch.optim.swa_utils.AveragedModel(model)
    compiled = torch.compile(model, backend="eager")
    functional = torch.func.functional_call(model, dict(model.named_parameters()), (x,))
    for other in (copy.deepcopy(model)(x), fresh(x), averaged(x), compiled(x), functional):
        assert torch.equal(other, expected)


def test_a_copy_of_a_tied_model_reads_its_own_table() -> None:
    model = TiedGpt(64)
    other = copy.deepcopy(model)
    assert isinstance(other.readout, TiedReadout)
    assert other.readout.embedding is other.tokens
    assert other.readout.embedding is not model.tokens
    assert next(name for name, _ in model.named_parameters()) == "tokens.weight"


def test_no_tensor_carries_an_attribute_of_ours() -> None:
    model = Gpt(64)
    before = [set(vars(parameter)) for parameter in model.parameters()]
    initialise(model, scalings_of(Gpt, 64), generator())
    assert [set(vars(parameter)) for parameter in model.parameters()] == before


def test_running_statistics_start_afresh() -> None:
    model = ConvNet(32)
    model(picture_batch(0, 0)[0])
    initialise(model, scalings_of(ConvNet, 32), generator())
    norm = model.features.norm
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert not norm.running_mean.any()
    assert norm.num_batches_tracked == 0


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_multiplier_free_form_trains_a_plain_readout_alike(optimizer: str) -> None:
    """In fp64: the same losses as with the multiplier, up to rounding."""
    losses = {}
    for free in (False, True):
        readout = nn.Linear if free else Readout
        model = Mlp(128, readout=readout)
        shape = shape_of(
            lambda width, readout=readout: Mlp(width, readout=readout),  # type: ignore[misc]
            roles={"readout.weight": Role.OUTPUT},
        )
        training = apply(
            model.double(),
            shape,
            hyperparameters(optimizer, learning_rate=2.0**-7),
            Multipliers(128 / shape.base_width),
            optimizer=optimizer,
            schedule=Schedule(),
            steps=10,
            seed=3,
            multiplier_free=free,
            gradient_clip_norm=0,
        )
        seen = []
        for step in range(10):
            x, labels = image_batch(0, step)
            training.optimizer.zero_grad()
            loss = cross_entropy(model, (x.double(), labels))
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            training.optimizer.step()
            training.schedule.step()
            seen.append(loss.item())
        losses[free] = seen
    assert losses[True] == pytest.approx(losses[False], rel=1e-6)


def test_depth_sets_the_branches_multiplier() -> None:
    model = ResidualMlp(64, depth=8)
    apply(
        model,
        shape_of(lambda width: ResidualMlp(width, depth=8)),
        hyperparameters("sgd"),
        Multipliers(64 / 32, depth=4),
        optimizer="sgd",
        schedule=Schedule(),
        steps=10,
        seed=3,
    )
    assert {m.multiplier for m in model.modules() if isinstance(m, Residual)} == {0.25}


@pytest.mark.parametrize("optimizer", ["lion", "lamb", "sgd_nesterov", "adafactor"])
def test_optimizers_that_torch_has_not_train_the_readers_model(optimizer: str) -> None:
    model = Mlp(64)
    given = hyperparameters(optimizer, weight_decay=0.0) | {"learning_rate": 2.0**-8}
    training = apply(
        model,
        shape_of(Mlp),
        given,
        Multipliers(64 / 32),
        optimizer=optimizer,
        schedule=Schedule(),
        steps=30,
        seed=3,
    )
    losses = []
    for step in range(30):
        training.optimizer.zero_grad()
        loss = cross_entropy(model, image_batch(0, step))
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        training.optimizer.step()
        training.schedule.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert training.optimizer.param_groups[0]["lr"] < 2.0**-8


def test_a_convolutional_readout_keeps_its_multiplier_in_a_checkpoint() -> None:
    readout, fresh = ConvReadout(8, 3, 1, multiplier=0.125), ConvReadout(8, 3, 1)
    fresh.load_state_dict(readout.state_dict())
    assert fresh.multiplier == 0.125
