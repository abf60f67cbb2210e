"""Optimizers that torch lacks train in the snippet as in the library, by the library."""

import json
from pathlib import Path

import pytest
from torch import nn

from benchmarks.exports.examples import LLAMA_LIKE, example
from parametrization.nn.apply import Prepared
from parametrization.nn.models.gpt import build
from tests.tuner.recommendation.exports.test_torch import snippet, train
from tuner.recommendation.recommend import Recommendation
from tuner.spec.families.gpt import Gpt as GptFamily
from widthwise.recommendation import Recommendation as Training


@pytest.mark.parametrize("optimizer", ["sgd_nesterov", "lion", "adafactor", "muon_spectral"])
def test_the_snippet_steps_what_torch_lacks_by_the_library(optimizer: str, tmp_path: Path) -> None:
    recommendation = example(LLAMA_LIKE, optimizer=optimizer, depth=2)
    defined = snippet(recommendation, tmp_path)
    plain, ours = built(recommendation), built(recommendation)

    defined["initialise"](plain, seed=3)
    stepping = defined["build_optimizer"](plain)
    exported = train(plain, Prepared(stepping, defined["build_schedule"](stepping)), 3)
    document = json.loads(recommendation.model_dump_json())
    reference = Training.from_document(document).apply(ours, seed=3, despite_abstain=True)

    assert exported == train(ours, reference, 3)


def built(recommendation: Recommendation) -> nn.Module:
    """The built-in family's model at the target, its multipliers at 1."""
    family = recommendation.family.model_copy(update={"depth": recommendation.target.depth})
    assert recommendation.dataset is not None
    assert isinstance(family, GptFamily)
    facts = recommendation.dataset
    return build(family, facts, recommendation.width)  # type: ignore[arg-type]  # a text's facts
