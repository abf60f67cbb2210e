"""Orders for the dynamics of the winners that are still to be measured."""

from collections.abc import Iterator
from itertools import product

from parametrization.rules.parametrization import Parametrization
from tuner.decisions.measure import winner
from tuner.decisions.packing import model_spec
from tuner.engine.orders import DynamicsOrder, OrderId, TrialSpec
from tuner.evidence.further import chosen
from tuner.records.snapshot import StudySnapshot
from tuner.spec.dynamics.asked import Dynamics


def missing_dynamics(snapshot: StudySnapshot) -> Iterator[DynamicsOrder]:
    """An order for each optimizer and width without any, the widest first; every search has ended.

    Rates follow the winner's at the base, as muP has them at every width.
    """
    study = snapshot.study
    spec, asked = study.as_trained, study.spec.dynamics
    if not isinstance(asked, Dynamics):
        return
    trainings = () if study.dynamics is None else study.dynamics.trainings
    known = {(one.optimizer, one.width) for one in trainings}
    for config, width in product(spec.optimizers, reversed(spec.measure_widths)):
        if (config.name, width) in known:
            continue
        best = winner(snapshot, config.name)
        choice = chosen(snapshot, best)
        yield DynamicsOrder(
            id=OrderId(f"{study.id}-v{study.version}-dynamics-{config.name}-{width}"),
            study_id=study.id,
            trial=TrialSpec(
                number=best.number,
                model=model_spec(spec, width, Parametrization.MUP),
                optimizer=config.name,
                hyperparameters=choice.hyperparameters,
                training=spec.training_by(config.name, choice.training),
                seed=best.seed,
            ),
            asked=asked,
        )
