"""A recommendation document applied to a user's own model."""

import copy
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from parametrization.nn.apply import apply
from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.layers import Residual
from parametrization.recommendation.document import FORMAT
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from parametrization.shapes.roles import Role
from tests.parametrization.builders import shape_of
from tests.parametrization.nn.many_layers import ResidualMlp
from tests.parametrization.nn.small_models import Gpt, cross_entropy, text_batch
from tests.tuner.builders import Trials, snapshot, spec, study, surface
from tests.tuner.recommendation.answers import recommend
from tests.widthwise.lost_fields import lost
from tuner.recommendation import recommend as service
from tuner.recommendation.exports.yaml_form import as_yaml
from widthwise.errors import WidthwiseError
from widthwise.recommendation import Recommendation

DOCUMENTS = Path(__file__).parent / "documents"


def answered(width: int = 64) -> service.Recommendation:
    """What the service says for the small GPT of the parametrization's tests."""
    with torch.device("meta"):
        shape = derive_model_shape(Gpt(32), Gpt(48), 32)
    trials = Trials(surface()).search([-6.0, -5.0, -4.5]).measure()
    record = study(spec=spec(training={"gradient_clip_norm": 1.0}), shape=shape)
    return recommend(snapshot(trials, statistics=(), record=record), width=width)


def document(width: int = 64) -> dict[str, Any]:
    """The same as the JSON object that travels."""
    travelled: dict[str, Any] = json.loads(answered(width).model_dump_json())
    return travelled


def test_a_document_is_read_back_to_the_numbers_of_every_tensor() -> None:
    answer = answered()

    loaded = Recommendation.from_document(document())

    rows = {name: row for row in answer.tensors for name in row.names}
    assert loaded.shape == answer.base_shapes
    assert loaded.gradient_clip_norm == 1.0
    assert loaded.reasons == tuple(reason.words for reason in answer.reasons)
    for scaling in loaded.scalings():
        row = rows[scaling.name]
        assert (scaling.learning_rate, scaling.weight_decay) == (
            row.learning_rate,
            row.weight_decay,
        )
        assert (scaling.init_std, scaling.multiplier) == (row.init_std, row.multiplier)


def test_json_and_yaml_files_are_read_alike(tmp_path: Path) -> None:
    as_json, yaml_file = tmp_path / "answer.json", tmp_path / "answer.yaml"
    as_json.write_text(json.dumps(document()))
    yaml_file.write_text(as_yaml(answered()), encoding="utf-8")

    assert Recommendation.from_file(as_json) == Recommendation.from_file(yaml_file)
    assert Recommendation.from_file(as_json) == Recommendation.from_document(document())


def test_a_model_is_initialised_grouped_and_scheduled_and_it_trains() -> None:
    loaded = Recommendation.from_document(document())
    model, twin = Gpt(64), Gpt(64)

    prepared = loaded.apply(model, seed=5)
    loaded.apply(twin, seed=5)

    assert all(map(torch.equal, model.parameters(), twin.parameters()))
    assert model.readout.multiplier == pytest.approx(0.5)
    rates = {group["initial_lr"] for group in prepared.optimizer.param_groups}
    assert max(rates) / min(rates) == pytest.approx(2.0)
    losses = []
    for step in range(60):
        loss = cross_entropy(model, text_batch(0, step))
        torch.autograd.backward(loss)
        prepared.optimizer.step()
        prepared.optimizer.zero_grad()
        prepared.schedule.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_the_schedule_stretches_to_the_targets_steps() -> None:
    loaded = Recommendation.from_document(document())

    short, long = loaded.apply(Gpt(64)), loaded.apply(Gpt(64), steps=400)

    # A tenth of training warms up: 20 updates of 200, 40 of 400.
    assert short.schedule.get_last_lr()[0] == pytest.approx(2 * long.schedule.get_last_lr()[0])


def test_numbers_that_the_service_would_not_trust_are_not_applied_unasked() -> None:
    distrusted = document(width=32 * 512)
    assert distrusted["verdict"] == "abstain"
    narrow = {"width": 64, "multipliers": distrusted["multipliers"] | {"width": 2.0}}
    loaded = Recommendation.from_document(distrusted | narrow)

    with pytest.raises(WidthwiseError, match="the verdict is abstain: width 16384"):
        loaded.apply(Gpt(64))
    loaded.apply(Gpt(64), despite_abstain=True)


def test_numbers_of_a_study_that_runs_are_applied_unless_a_reason_says_to_abstain() -> None:
    early = document() | {"verdict": "in_progress"}
    Recommendation.from_document(early).apply(Gpt(64))
    unknown = {"topic": "optimum", "severity": "abstain", "words": "no optimum", "excess": 2.0}
    loaded = Recommendation.from_document(early | {"reasons": [unknown]})

    with pytest.raises(WidthwiseError, match="the verdict is in_progress: no optimum"):
        loaded.apply(Gpt(64))


def test_a_model_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="in the model and"):
        Recommendation.from_document(document()).apply(Gpt(128))


@pytest.mark.parametrize("missing", ["verdict", "optimizer", "base_shapes", "schedule"])
def test_another_document_is_refused_by_the_field_it_lacks(missing: str) -> None:
    other = copy.deepcopy(document())
    del other[missing]

    with pytest.raises(WidthwiseError, match=f"not a recommendation: no '{missing}'"):
        Recommendation.from_document(other)


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", "a: b: c", "just words"])
def test_a_file_with_something_else_is_refused(text: str, tmp_path: Path) -> None:
    for name in ("answer.json", "answer.yaml"):
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(WidthwiseError, match="recommendation"):
            Recommendation.from_file(path)
    with pytest.raises(WidthwiseError, match="cannot read"):
        Recommendation.from_file(tmp_path / "absent.json")


def deeper() -> Recommendation:
    """For four blocks on twice the batch, from proxies of two."""
    trials = Trials(surface()).search([-6.0, -5.0, -4.5]).measure()
    record = study(spec=spec(), shape=shape_of(ResidualMlp))
    answer = recommend(
        snapshot(trials, statistics=(), record=record),
        width=64,
        depth=4,
        batch_size=32,
    )
    return Recommendation.from_document(json.loads(answer.model_dump_json()))


def test_a_deeper_model_gets_its_numbers_and_its_branch_multiplier() -> None:
    loaded, model = deeper(), ResidualMlp(64, depth=4)

    prepared = loaded.apply(model, seed=5)

    assert {m.multiplier for m in model.modules() if isinstance(m, Residual)} == {0.5}
    by_hand = ResidualMlp(64, depth=4)
    expected = apply(
        by_hand,
        shape_of(partial(ResidualMlp, depth=4)),
        loaded.hyperparameters,
        Multipliers(64 / 32, depth=2, batch=2),
        optimizer="adamw",
        schedule=Schedule(),
        steps=100,
        seed=5,
        policies=loaded.policies,
    )
    assert all(map(torch.equal, model.parameters(), by_hand.parameters()))
    for group, other in zip(
        prepared.optimizer.param_groups, expected.optimizer.param_groups, strict=True
    ):
        for name in ("lr", "weight_decay", "eps", "betas"):
            assert group[name] == other[name]
    assert prepared.optimizer.param_groups[0]["betas"] == pytest.approx((0.8, 0.9))
    assert loaded.steps == 100


def test_a_model_that_is_not_as_deep_or_has_no_branches_is_refused() -> None:
    with pytest.raises(ValueError, match=r"only in the scalings: .*blocks\.3"):
        deeper().apply(ResidualMlp(64, depth=3))
    model = ResidualMlp(64, depth=4)
    for at, block in enumerate(model.blocks):
        assert isinstance(block, Residual)
        plain = nn.Module()
        plain.branch = block.branch
        model.blocks[at] = plain
    with pytest.raises(ValueError, match=r"need the multiplier 0\.5, and none is a"):
        deeper().apply(model)


def stored(name: str) -> dict[str, Any]:
    """A document that an older release wrote, for the same study."""
    return dict(json.loads((DOCUMENTS / f"{name}.json").read_text()))


@pytest.mark.parametrize("name", ["first", "companions", "last"])
def test_documents_of_older_releases_give_the_training_that_they_say(name: str) -> None:
    older = Recommendation.from_document(stored(f"format_0_{name}"))

    assert older.document.format == FORMAT
    rows = {name: row for row in older.tensors for name in row.names}
    for scaling in older.scalings():
        row = rows[scaling.name]
        assert (scaling.learning_rate, scaling.init_std) == (row.learning_rate, row.init_std)
    assert (older.target.width, older.target.depth, older.target.batch_size) == (64, 2, 16)
    assert (older.steps, older.target.tokens) == (200, 102_400)
    assert older.document.schedule.group == [group.role for group in older.groups].index(
        Role.HIDDEN
    )
    older.apply(Gpt(64))


def test_the_last_document_without_a_format_says_all_that_the_first_with_one_does() -> None:
    older, now = stored("format_0_last"), document()

    clipping = {"gradient_clip_percentile", "gradient_clip_value"}
    since = clipping | {"weight_average", "described", "dynamics", "measured_axes"}
    since |= {"searched_training"}
    assert now.keys() - older.keys() == {"format", "dataset", "noise_floor"} | since
    assert lost(older, now) == {"prior_octaves"}  # a drift is shrunk no longer


def test_a_field_of_a_newer_release_is_passed_over_and_a_newer_format_is_refused() -> None:
    known = document()
    newer = known | {"colour": "blue", "target": known["target"] | {"sparsity": 0.5}}
    newer["base_shapes"]["tensors"][0]["kept"] = False
    assert Recommendation.from_document(newer) == Recommendation.from_document(known)
    with pytest.raises(WidthwiseError, match=r"format 2 is none of 0 to 1: update widthwise"):
        Recommendation.from_document(known | {"format": 2})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": "wide"}, "width: Input should be a valid integer"),
        ({"learning_rate": {"value": 0.1}}, "no 'learning_rate/low'"),
        ({"optimizer": "adamwish"}, "adamwish"),
        ({"format": "one"}, "format 'one'"),
        ({"verdict": "maybe"}, "verdict: Input should be 'in_progress', 'recommend'"),
        ({"gradient_clip_norm": "nan"}, "gradient_clip_norm: Input should be a finite number"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(WidthwiseError, match=words):
        Recommendation.from_document(document() | change)


@pytest.mark.parametrize("name", ["tensors", "groups", "hyperparameters", "axes", "base_shapes"])
@pytest.mark.parametrize("value", [3, [1], [{}], {}, "text", None])
def test_an_old_document_with_a_wrong_part_is_refused(name: str, value: object) -> None:
    with pytest.raises(WidthwiseError, match="not a recommendation"):
        Recommendation.from_document(stored("format_0_first") | {name: value})


def test_what_the_service_says_is_read_field_by_field() -> None:
    answer, loaded = answered(), Recommendation.from_document(document())

    assert loaded.document.model_dump(mode="json") == document()
    assert loaded.learning_rate == answer.learning_rate
    assert loaded.learning_rate.interval == (answer.learning_rate.low, answer.learning_rate.high)
    assert (loaded.groups, loaded.tensors, loaded.axes) == (
        answer.groups,
        answer.tensors,
        answer.axes,
    )
    assert loaded.target == answer.target


def test_an_answer_with_a_plugins_standing_is_read_where_the_plugin_is_not() -> None:
    known = document()
    known["optimizers"][0]["optimizer"] = "somebodys_optimizer"
    assert Recommendation.from_document(known).document.optimizers[0].optimizer == (
        "somebodys_optimizer"
    )


def test_a_tensor_that_starts_at_zero_does_so_in_the_readers_model() -> None:
    known = document()
    known["base_shapes"]["tensors"][0]["zero"] = True
    (first, *_) = Recommendation.from_document(known).scalings()
    assert first.init_std == 0
