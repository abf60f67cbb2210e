"""What an answer says of its hyperparameters: where they come from, and by which rules."""

import pytest

from parametrization.optimizers.registry import STUDIED
from parametrization.optimizers.rules_version import rules_version
from parametrization.recommendation.trust import HyperparameterValue
from parametrization.rules.policies import Policies
from tests.tuner.builders import hyperparameters, measured, snapshot, spec, study, trial
from tests.tuner.recommendation.answers import recommend
from tests.tuner.recommendation.targets import TOKENS, axis, known, led_by
from tuner.recommendation.recommend import Recommendation

TP5 = "Yang et al. 2022, arXiv:2203.03466, Table 8"


def said(answer: Recommendation, name: str) -> HyperparameterValue:
    return next(one for one in answer.hyperparameters if one.name == name)


def test_a_rate_that_nothing_was_fitted_to_is_the_best_of_so_many_trials() -> None:
    numbers = hyperparameters() | {"init_std": 0.7}
    searched = {"name": "adamw", "init_std": {"type": "float", "low": 0.1, "high": 2}}
    trials = [trial(n, value=2.0 + n, hyperparameters=numbers) for n in range(3)]
    record = study(spec=spec(optimizers=[searched]))

    answer = recommend(snapshot(trials, statistics=(), record=record))

    rate = said(answer, "learning_rate")
    assert rate.origin == "searched"
    assert rate.words.startswith("best of 3 trials: no optimum is fitted yet; ")
    assert said(answer, "init_std").words.startswith("best of 3 trials; ")
    assert "fitted optimum" not in answer.model_dump_json()


@pytest.mark.parametrize(
    ("widths", "target", "words"),
    [
        ((32, 64, 128), 256, "optimum fitted at widths 32, 64, 128, carried along its drift to"),
        ((32, 64, 128, 256), 256, "optimum fitted at the target's own width"),
        ((32,), 256, "optimum fitted at width 32 alone, without its drift"),
    ],
)
def test_a_fitted_rate_says_at_which_widths(
    widths: tuple[int, ...], target: int, words: str
) -> None:
    rate = said(recommend(measured(widths=widths), width=target), "learning_rate")
    assert rate.origin == "fitted"
    assert rate.words.startswith(words)


def test_policies_change_the_words() -> None:
    usual = recommend(known())
    answer = recommend(known(policies={"epsilon_rule": "constant", "weight_decay_rule": "wd-b"}))
    assert said(usual, "epsilon").words == "AdamW epsilon 1/width, by epsilon_rule gradient"
    assert (
        said(answer, "epsilon").words == "AdamW epsilon constant in width, by epsilon_rule constant"
    )
    assert "AdamW rate x decay constant in width;" in said(usual, "weight_decay").words
    assert "rate x decay constant in width;" not in said(answer, "weight_decay").words
    assert "1/width (hidden)" in said(answer, "weight_decay").words


@pytest.mark.parametrize("optimizer", STUDIED)
def test_one_rule_version_stands_in_a_document(optimizer: str) -> None:
    answer = recommend(led_by(optimizer), depth=4, batch_size=32)
    versions = {one.version for one in answer.axes}
    versions |= {one.version for one in answer.hyperparameters}
    assert versions | {answer.provenance.rule_version} == {rules_version(Policies())}


def test_a_lead_and_its_companion_are_cited_each_with_its_own_source() -> None:
    width = axis(recommend(led_by("muon_spectral")), "width")
    assert width.source == (f"Muon: Yang, Simon & Bernstein 2023, arXiv:2310.17813; AdamW: {TP5}")
    assert width.rule == "mup, muon_spectral, adamw: per-role exponents of width"


def test_what_a_longer_training_multiplies_is_said_of_every_optimizer() -> None:
    words = axis(recommend(led_by("muon_spectral"), tokens=4 * TOKENS), "tokens").words
    assert words.startswith(
        "Muon rate / 2, Muon weight decay / 2, Muon epsilon x 2, Muon 1 - momentum / 4"
    )
    assert "AdamW rate / 2" in words
    assert "AdamW 1 - beta1 / 4" in words


def test_a_beta_beyond_the_tested_range_is_said_to_follow_by_its_logarithm() -> None:
    words = axis(recommend(known(), batch_size=256), "batch").words
    assert "log(beta1) x 16" in words
    assert "1 - beta1" not in words


def test_depth_cites_the_row_of_the_optimizers_degree() -> None:
    adamw = axis(recommend(known(), depth=4), "depth").source
    sgd = axis(recommend(led_by("sgd"), depth=4), "depth").source
    assert (adamw, sgd) == ("Dey et al. 2025, arXiv:2505.01618, Table 1", "derived by degree")
