"""Rules that a study's trials share are looked up once, and give each trial the same numbers."""

from typing import Any

from sqlalchemy import event

from app.trainers import trial_kinds
from app.trainers.trial_kinds import TrialKinds
from tests.app.coordinated import Coordinated
from tests.app.served import Served
from tuner.engine.orders import TrialSpec
from tuner.storage.orders import open_orders_of


def leased(served: Served) -> tuple[str, TrialSpec, TrialSpec]:
    """A study, and two of its trials."""
    study = Coordinated(served)
    study.lease("one")
    study.lease("two")
    with served.database.read() as session:
        first, second = (
            trial.spec
            for one in open_orders_of(session, study.study)[:2]
            if one.order.kind == "train"
            for trial in one.order.trials
        )
    assert first.hyperparameters != second.hyperparameters
    return study.study, first, second


def test_trials_that_differ_in_their_hyperparameters_read_their_study_once(served: Served) -> None:
    study, first, second = leased(served)
    kinds, reads = TrialKinds(served.database), list[object]()
    event.listen(served.database.readers, "checkout", lambda *_: reads.append(_))
    assert kinds.kind_of(study, first) is kinds.kind_of(study, second)
    assert len(reads) == 1


def test_a_trial_has_the_same_numbers_after_another_one(served: Served) -> None:
    study, first, second = leased(served)
    kinds = TrialKinds(served.database)
    kinds.kind_of(study, first).numbers(first.hyperparameters)
    after = kinds.kind_of(study, second).numbers(second.hyperparameters)
    alone = TrialKinds(served.database).kind_of(study, second).numbers(second.hyperparameters)
    assert after.model_dump_json() == alone.model_dump_json()
    assert after.tensors != kinds.kind_of(study, first).numbers(first.hyperparameters).tensors


def test_another_width_optimizer_or_training_is_another_kind(served: Served) -> None:
    study, first, _ = leased(served)
    kinds = TrialKinds(served.database)
    others: list[dict[str, Any]] = [
        {"model": first.model.model_copy(update={"width": 2 * first.model.width})},
        {"optimizer": "adam"},
        {"training": first.training.model_copy(update={"steps": 2 * first.training.steps})},
    ]
    found = [kinds.kind_of(study, first.model_copy(update=other)) for other in others]
    assert len({*found, kinds.kind_of(study, first)}) == 4


def test_kinds_that_were_not_leased_for_longest_are_made_anew(served: Served) -> None:
    study, first, _ = leased(served)
    kinds = TrialKinds(served.database)
    longer = [
        first.model_copy(update={"training": first.training.model_copy(update={"steps": steps})})
        for steps in range(100, 100 + trial_kinds.MOST)
    ]
    oldest = kinds.kind_of(study, first)
    kept = kinds.kind_of(study, longer[0])
    assert kinds.kind_of(study, first) is oldest
    for trial in longer[1:]:
        kinds.kind_of(study, trial)
    assert kinds.kind_of(study, first) is oldest
    assert kinds.kind_of(study, longer[0]) is not kept
