"""The model of an answer about a built-in family, from the answer alone."""

import json
from typing import Any

import pytest
import torch
from torch.nn import functional

from parametrization.nn.models.build import BUILDERS
from parametrization.recommendation.target import DatasetFacts
from tests.tuner.builders import Trials, snapshot, spec, study, surface
from tests.tuner.recommendation.answers import recommend
from tests.widthwise.test_recommendation import document
from tests.workers.specs import (
    GPT_OPTIONS,
    IMAGE_FAMILIES,
    TINY_GAN,
    TINY_GPT,
    TINY_MLP,
    gpt,
    model_spec,
)
from tuner.recommendation.recommend import dataset_facts
from tuner.spec.families.model_family import ModelFamily
from tuner.spec.families.registry import FAMILIES as REGISTERED
from widthwise.errors import WidthwiseError
from widthwise.recommendation import Recommendation
from workers.models.build import build_model
from workers.training.model_shapes import model_shape

FAMILIES = [TINY_GPT, *GPT_OPTIONS, TINY_MLP, *IMAGE_FAMILIES, TINY_GAN]


def test_the_library_builds_with_what_the_workers_build_with() -> None:
    assert {name: f"{build.__module__}:{build.__name__}" for name, build in BUILDERS.items()} == {
        name: REGISTERED[name].builder for name in BUILDERS
    }


def answer(family: ModelFamily) -> dict[str, Any]:
    """A recommendation whose target is one of the family."""
    spec = model_spec(family)
    known = document(width=64)
    return known | {
        "family": family.model_dump(mode="json"),
        "dataset": dataset_facts(spec.dataset).model_dump(mode="json"),
        "target": known["target"] | {"width": spec.width, "depth": family.depth},
    }


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_a_model_is_built_from_its_answer_as_workers_build_it(family: ModelFamily) -> None:
    spec = model_spec(family)
    theirs = build_model(spec, device="meta")

    ours = Recommendation.from_document(answer(family)).build(device="meta")

    assert type(ours) is type(theirs)
    assert {name: p.shape for name, p in ours.named_parameters()} == {
        name: p.shape for name, p in theirs.named_parameters()
    }
    assert str(ours) == str(theirs)
    assert len(model_shape(spec).tensors) == len(list(ours.parameters()))


def test_a_deeper_target_gets_its_own_depth() -> None:
    known = document(width=64)
    model = Recommendation.from_document(known | {"target": known["target"] | {"depth": 5}}).build(
        device="meta"
    )
    assert len(model.blocks) == 5  # type: ignore[arg-type]  # a Module's attribute


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dataset": None}, "names no data that its model is made for"),
        ({"family": {"name": "mine"}}, r"family 'mine' is not built in \(known: mlp, gpt"),
        (
            {"family": {"name": "gpt", "depth": 2}},
            "a model of the family gpt needs .*, which is not said",
        ),
        ({"dataset": DatasetFacts(name="odd").model_dump()}, "needs vocabulary, which is not said"),
    ],
)
def test_a_model_that_cannot_be_built_is_refused(change: dict[str, Any], words: str) -> None:
    loaded = Recommendation.from_document(document() | change)
    with pytest.raises(WidthwiseError, match=words):
        loaded.build()


@pytest.mark.parametrize("depth", [2, 4])
def test_a_built_model_trains_by_its_recommendation(depth: int) -> None:
    family = gpt(depth=2, context=16)
    shape = model_shape(model_spec(family, width=32, base_width=32))
    asked = spec(family=family.model_dump(mode="json"))
    trials = Trials(surface()).search([-6.0, -5.0, -4.5]).measure()
    known = snapshot(trials, statistics=(), record=study(spec=asked, shape=shape))
    answered = recommend(known, width=64, depth=depth)
    loaded = Recommendation.from_document(json.loads(answered.model_dump_json()))

    model = loaded.build()
    prepared = loaded.apply(model, seed=1, steps=20)

    assert sum(p.numel() for p in model.parameters()) == loaded.document.cost.target_parameters
    tokens = torch.arange(8 * 17).reshape(8, 17) % 64
    losses = []
    for _ in range(20):
        logits = model(tokens[:, :-1])
        loss = functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        torch.autograd.backward(loss)
        prepared.optimizer.step()
        prepared.optimizer.zero_grad()
        prepared.schedule.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
