"""Exports are loaded the way their readers would and give back the same numbers."""

import json
import runpy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import torch
import yaml
from torch import Tensor, nn

from parametrization.nn.apply import Prepared, apply
from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.layers import Residual, TiedReadout
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.schedule import Schedule
from parametrization.schedules.registry import SHAPES
from tests.parametrization.builders import shape_of
from tests.parametrization.nn.many_layers import ResidualMlp
from tests.parametrization.nn.small_models import Gpt, cross_entropy, image_batch, text_batch
from tests.tuner.builders import Trials, searched, snapshot, spec, study, surface
from tests.tuner.recommendation.answers import recommend
from tuner.recommendation.exports.pytorch import as_python
from tuner.recommendation.exports.yaml_form import as_yaml
from tuner.recommendation.recommend import Recommendation
from widthwise.recommendation import Recommendation as Training

WIDTH = 64


def answer(
    optimizer: str = "adamw",
    width: int = WIDTH,
    build: Callable[[int], nn.Module] = Gpt,
    **fields: Any,  # noqa: ANN401
) -> Recommendation:
    """A recommendation for the small GPT of the parametrization's tests."""
    with torch.device("meta"):
        shape = derive_model_shape(build(32), build(48), 32)
    record = study(spec=spec(optimizers=[{"name": optimizer}], **fields), shape=shape)
    trials = Trials(surface()).search([-6.0, -5.0, -4.5], optimizer).measure(optimizer=optimizer)
    return recommend(snapshot(trials, record=record, statistics=()), width=width)


def snippet(recommendation: Recommendation, folder: Path) -> dict[str, Any]:
    """What the exported snippet defines."""
    path = folder / "snippet.py"
    path.write_text(as_python(recommendation), encoding="utf-8")
    return runpy.run_path(str(path))


def train(
    model: nn.Module,
    prepared: Prepared,
    steps: int = 6,
    batch: Callable[[int, int], tuple[Tensor, Tensor]] = text_batch,
) -> list[float]:
    """Loss before every update of a short training."""
    losses = []
    for step in range(steps):
        loss = cross_entropy(model, batch(0, step))
        losses.append(loss.item())
        prepared.optimizer.zero_grad()
        torch.autograd.backward(loss)
        prepared.optimizer.step()
        prepared.schedule.step()
    return losses


def test_yaml_gives_back_the_whole_recommendation() -> None:
    recommendation = answer()

    loaded = yaml.safe_load(as_yaml(recommendation))

    assert Recommendation.model_validate_json(recommendation.model_dump_json()) == recommendation
    assert loaded == recommendation.model_dump(mode="json")


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_the_snippet_gives_every_parameter_its_recommended_numbers(
    optimizer: str, tmp_path: Path
) -> None:
    recommendation = answer(optimizer)
    defined = snippet(recommendation, tmp_path)
    model = Gpt(WIDTH, readout=nn.Linear)

    defined["initialise"](model, seed=3)
    stepping = defined["build_optimizer"](model)

    names = {id(parameter): name for name, parameter in model.named_parameters()}
    rows = {name: row for row in recommendation.tensors for name in row.names}
    seen = set()
    for group in stepping.param_groups:
        for parameter in group["params"]:
            row = rows[names[id(parameter)]]
            seen.add(names[id(parameter)])
            assert group["lr"] == row.learning_rate
            assert group["weight_decay"] == row.weight_decay
            assert group.get("eps") == row.epsilon
    assert seen == rows.keys()
    assert len(stepping.param_groups) <= len(recommendation.groups)
    for name, parameter in model.named_parameters():
        std = rows[name].init_std
        if std is None:
            assert torch.equal(parameter, torch.full_like(parameter, rows[name].constant or 0.0))
        else:
            assert parameter.std().item() == pytest.approx(std, rel=0.1)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_the_snippet_trains_like_the_library_on_a_model_with_a_plain_readout(
    optimizer: str, tmp_path: Path
) -> None:
    recommendation = answer(optimizer)
    defined = snippet(recommendation, tmp_path)
    plain, ours = Gpt(WIDTH, readout=nn.Linear), Gpt(WIDTH)
    schedule = recommendation.schedule

    defined["initialise"](plain, seed=3)
    stepping = defined["build_optimizer"](plain)
    exported = train(plain, Prepared(stepping, defined["build_schedule"](stepping)))
    reference = apply(
        ours,
        recommendation.base_shapes,
        recommendation.base_hyperparameters,
        Multipliers(WIDTH / recommendation.base_shapes.base_width),
        optimizer=optimizer,
        schedule=Schedule(),
        steps=schedule.steps,
        seed=3,
        policies=recommendation.policies,
    )

    assert exported == train(ours, reference)


def test_patterns_may_be_changed_to_those_of_a_model_of_other_names(tmp_path: Path) -> None:
    path = tmp_path / "snippet.py"
    text = as_python(answer()).replace("'blocks.", "'layers.")
    path.write_text(text, encoding="utf-8")
    defined = runpy.run_path(str(path))
    model = Gpt(WIDTH, readout=nn.Linear)
    model.layers = model.blocks
    del model.blocks

    wrapped = nn.Module()
    wrapped.add_module("module", model)  # as DistributedDataParallel names it
    defined["initialise"](wrapped, seed=3)

    assert len(defined["build_optimizer"](wrapped).param_groups) > 1


def tied_gpt(width: int) -> Gpt:
    """Its readout reads the table of the tokens."""
    model = Gpt(width)
    model.add_module("readout", TiedReadout(model.tokens))
    return model


def test_the_snippet_trains_like_the_library_on_a_model_with_tied_embeddings(
    tmp_path: Path,
) -> None:
    recommendation = answer(build=tied_gpt)
    defined = snippet(recommendation, tmp_path)
    plain, ours = Gpt(WIDTH, readout=nn.Linear), tied_gpt(WIDTH)
    with pytest.raises(ValueError, match="another model"):
        defined["initialise"](plain)
    with pytest.raises(ValueError, match=r"no layer shares tokens\.weight: multiply its readout"):
        defined["initialise"](tied_gpt(WIDTH))
    plain.readout.weight = plain.tokens.weight

    defined["initialise"](plain, seed=3)
    stepping = defined["build_optimizer"](plain)
    exported = train(plain, Prepared(stepping, defined["build_schedule"](stepping)))
    reference = apply(
        ours,
        recommendation.base_shapes,
        recommendation.base_hyperparameters,
        Multipliers(WIDTH / recommendation.base_shapes.base_width),
        optimizer="adamw",
        schedule=Schedule(),
        steps=recommendation.schedule.steps,
        seed=3,
        policies=recommendation.policies,
    )

    assert exported == train(ours, reference)


class PlainBlock(nn.Module):
    """A residual block of torch alone, as the snippet asks for it."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch
        self.residual_multiplier = 1.0

    def forward(self, x: Tensor) -> Tensor:
        return x + self.residual_multiplier * cast(Tensor, self.branch(x))


def plain_blocks(model: ResidualMlp) -> ResidualMlp:
    for at, block in enumerate(model.blocks):
        assert isinstance(block, Residual)
        model.blocks[at] = PlainBlock(block.branch)
    return model


def test_the_snippet_of_a_deeper_target_trains_like_the_library(tmp_path: Path) -> None:
    record = study(spec=spec(), shape=shape_of(partial(ResidualMlp, depth=2)))
    trials = Trials(surface()).search([-6.0, -5.0, -4.5]).measure()
    known = snapshot(trials, record=record, statistics=())
    recommendation = recommend(known, width=WIDTH, depth=6, batch_size=24)
    defined = snippet(recommendation, tmp_path)
    plain, ours = plain_blocks(ResidualMlp(WIDTH, depth=6)), ResidualMlp(WIDTH, depth=6)

    def losses(model: nn.Module, prepared: Prepared) -> list[float]:
        return train(model, prepared, batch=image_batch)

    defined["initialise"](plain, seed=3)
    stepping = defined["build_optimizer"](plain)
    exported = losses(plain, Prepared(stepping, defined["build_schedule"](stepping)))
    document = json.loads(recommendation.model_dump_json())
    library = Training.from_document(document).apply(ours, seed=3, despite_abstain=True)

    assert recommendation.residual_multiplier == pytest.approx(1 / 3)
    assert stepping.param_groups[0]["betas"] == pytest.approx((0.85, 0.925))
    assert exported == losses(ours, library)
    with pytest.raises(ValueError, match="attribute residual_multiplier, and have it compute"):
        defined["initialise"](ResidualMlp(WIDTH, depth=6))


@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize("warmup", [0.0, 0.1])
def test_the_snippets_schedule_is_the_recommended_one(
    shape: str, warmup: float, tmp_path: Path
) -> None:
    training = {
        "steps": 37,
        "schedule": {"shape": shape, "warmup_fraction": warmup, "final_fraction": 0.05},
    }
    recommendation = answer(training=training)
    defined = snippet(recommendation, tmp_path)
    stepping = defined["build_optimizer"](Gpt(WIDTH))
    schedule = defined["build_schedule"](stepping)
    peaks = [group["initial_lr"] for group in stepping.param_groups]

    factors = []
    for _ in range(37):
        ratios = {
            group["lr"] / peak for group, peak in zip(stepping.param_groups, peaks, strict=True)
        }
        factors.append(max(ratios))
        assert max(ratios) == pytest.approx(min(ratios))
        stepping.step()
        schedule.step()

    assert factors == pytest.approx([point.factor for point in recommendation.schedule.preview])


def test_the_snippet_refuses_another_model(tmp_path: Path) -> None:
    defined = snippet(answer(), tmp_path)

    with pytest.raises(ValueError, match=r"blocks\.2"):
        defined["initialise"](Gpt(WIDTH, depth=3))


def test_the_snippet_says_the_verdict_and_every_reason() -> None:
    recommendation = answer(width=32 * 512)

    text = as_python(recommendation).replace("\n#   ", " ")

    assert text.startswith(f"# {recommendation.headline}.\n")
    assert recommendation.reasons
    for reason in recommendation.reasons:
        assert f"# - {reason.severity}: {reason.words}" in text


def test_clipping_is_exported_as_it_was_in_the_proxies() -> None:
    clipped = as_python(answer(training={"gradient_clip_norm": 0.5}))

    assert "clip_grad_norm_(model.parameters(), 0.5)" in clipped
    assert "without gradient clipping" in as_python(answer())


def test_no_stored_text_can_leave_its_comment(tmp_path: Path) -> None:
    recommendation = recommend(snapshot(searched()))
    evil = recommendation.reasons[0].model_copy(update={"words": "\nraise SystemExit(1)\n\f#"})

    defined = snippet(recommendation.model_copy(update={"reasons": (evil,)}), tmp_path)

    assert defined["STEPS"] == 200
