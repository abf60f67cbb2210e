"""Importances: what matters is told from what does not, and what cannot be told is said."""

from typing import Any

from tests.app.served import Served
from tests.tuner import builders
from tuner.exchange.importances import importances
from tuner.records.trials import TrialGroup
from tuner.spec.states import TrialState

RANGE = {"type": "float", "low": 0.001, "high": 0.1, "log": True}


def test_the_hyperparameter_that_moves_the_loss_is_the_important_one() -> None:
    optimizers = [{"name": "adamw", "learning_rate": RANGE, "weight_decay": RANGE}]
    (config,) = builders.spec(optimizers=optimizers).optimizers
    rates = [0.001 * 1.2**n for n in range(24)]
    trials = TrialGroup(
        builders.trial(
            n,
            params={"learning_rate": rate, "weight_decay": rates[7 * n % 24]},
            value=2 + abs(rate - 0.01),
            state=TrialState.COMPLETE,
        )
        for n, rate in enumerate(rates)
    )
    found = importances(config, trials)
    assert found.importances is not None
    assert list(found.importances) == ["learning_rate", "weight_decay"]
    assert found.importances["learning_rate"] > 0.8
    assert abs(sum(found.importances.values()) - 1) < 1e-9
    assert importances(config, trials) == found


def read(served: Served, study_id: str) -> list[dict[str, Any]]:
    answered = served.client.get(f"/v1/studies/{study_id}/importances")
    assert answered.status_code == 200, answered.text
    return list(answered.json()["optimizers"])


def test_a_finished_study_tells_them_and_a_new_one_says_why_not(
    finished: tuple[Served, str], served: Served
) -> None:
    (told,) = read(*finished)
    assert told["importances"] == {"learning_rate": 1.0}
    (open_,) = read(served, served.submit())
    assert open_["importances"] is None
    assert "it takes 4" in open_["reason"]
