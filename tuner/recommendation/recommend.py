"""The answer of a study: hyperparameters for any target, with their evidence.

A pure computation over stored evidence: no device, milliseconds.
"""

import hashlib
import json

from parametrization.optimizers.rules_version import rules_version
from parametrization.recommendation.document import (
    Provenance,
    RecommendationDocument,
    TuningCost,
)
from parametrization.recommendation.target import DatasetFacts, WholeTarget
from parametrization.rules.parametrization import Parametrization
from tuner.evidence.study_evidence import EvidenceSummary, OptimizerEvidence
from tuner.recommendation.cost import tuning_cost
from tuner.recommendation.headline import headline, peak_rates
from tuner.recommendation.hyperparameters import (
    SearchOutcome,
    hyperparameter_values,
    training_values,
)
from tuner.recommendation.target_model import TargetModel, described_model, model_of_family
from tuner.recommendation.targets.described import DescribedTarget
from tuner.recommendation.transferred import Transferred, Tuned, transferred
from tuner.recommendation.values import (
    Duration,
    drawn_out,
    parameter_groups,
    weight_average,
)
from tuner.recommendation.verdict import Findings, reasons_against, verdict_on
from tuner.records.check_errors import NothingSearched
from tuner.records.errors import NoModel, NotReady
from tuner.records.snapshot import StudyRecord
from tuner.spec.datasets.dataset import Dataset, Images, LabelledImages, Text
from tuner.spec.families.registry import AnyFamily
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.optimizers.records import OptimizerConfig
from tuner.spec.requested_target import IllegalTarget, target_asked
from tuner.spec.states import StudyState
from tuner.spec.study import StudySpec


class Recommendation(RecommendationDocument):
    """The service's answer: the document, with a family and a state of this release."""

    state: StudyState
    family: AnyFamily


def recommend(  # noqa: PLR0913  # one keyword per axis, and the target itself
    study: StudyRecord,
    known: EvidenceSummary,
    *,
    width: int | None = None,
    depth: int | None = None,
    batch_size: int | None = None,
    tokens: int | None = None,
    optimizer: Optimizer | None = None,
    described: DescribedTarget | None = None,
) -> Recommendation:
    """The recommendation for a target.

    Args:
        known: the evidence of the study.
        width: of the target, as its depth, batch_size and tokens; default: what the study names.
        optimizer: one of the study's; default: the best one measured, the first one until then.
        described: the target by its own configuration, whose width and depth count.

    Raises:
        NotReady: if no search trial has finished yet.
        NoModel: if it was stored from a table of losses.
        NothingSearched: if it ends with its coordinate check.
        IllegalTarget: if the family has no such width, there is no rule for such a depth, or the
            study has no such optimizer.

    """
    spec = study.spec
    if spec.only_checks:
        raise NothingSearched(study.id, "recommendation")
    if described is not None:
        width, depth = described.width, described.depth
    target = target_asked(spec, width=width, depth=depth, batch_size=batch_size, tokens=tokens)
    chosen = _chosen(spec, known, optimizer)
    tuned = _tuned(study, known.about(chosen))
    own, carried = tuned.own, transferred(spec, tuned, target)
    setting, mults, rate = carried.setting, carried.mults, carried.rate
    model = _target_model(spec, carried, target, described)
    reasons = (*model.reasons, *reasons_against(_findings(study, target, tuned, carried)))
    verdict = verdict_on(reasons, study.state)
    groups = parameter_groups(model.tensors, chosen, setting.hyperparameters)
    training = spec.training_by(chosen, tuned.winner.training)
    search = _search_outcome(spec, own, carried)
    duration = Duration(target.steps, target.batch_size, spec.family.tokens_per_example)
    name = f"{spec.family.name} with {chosen}"
    return Recommendation(
        headline=headline(verdict, study.state, target, name, peak_rates(groups, rate.digits)),
        study_id=study.id,
        state=study.state,
        provisional=study.state is not StudyState.COMPLETED,
        verdict=verdict,
        reasons=reasons,
        optimizer=chosen,
        parametrization=Parametrization.MUP,
        family=spec.family.in_order(),
        dataset=dataset_facts(spec.dataset),
        policies=spec.policies,
        width=target.width,
        target=target,
        described=model.facts,
        base_width=spec.base_width,
        base_depth=spec.family.depth,
        width_multiplier=mults.width,
        multipliers=mults,
        residual_multiplier=carried.residual_multiplier,
        learning_rate=rate,
        base_hyperparameters=setting.hyperparameters,
        hyperparameters=hyperparameter_values(
            setting, search, (carried.width, *carried.by_rules), carried.axes
        ),
        searched_training=training_values(search, training),
        gradient_clip_norm=training.gradient_clip_norm,
        gradient_clip_value=training.gradient_clip_value,
        gradient_clip_percentile=training.gradient_clip_percentile,
        weight_average=weight_average(training, target.steps),
        groups=groups,
        tensors=model.tensors,
        schedule=drawn_out(training.schedule, duration).values(groups),
        axes=carried.axes,
        extrapolated_drift_octaves=carried.drift_octaves,
        compared_by=spec.comparison,
        evidence=tuned.evidence,
        measured_axes=own.axes,
        control=own.control,
        check=own.check,
        noise_floor=own.noise,
        dynamics=own.dynamics,
        optimizers=known.standings,
        cost=_cost(study, known, tuned, target),
        provenance=_provenance(study, known, chosen),
        base_shapes=model.shape,
    )


def dataset_facts(dataset: Dataset) -> DatasetFacts:
    """The sizes of a dataset's examples, by its kind."""
    return DatasetFacts(
        name=dataset.name,
        vocabulary=dataset.vocabulary if isinstance(dataset, Text) else None,
        channels=dataset.channels if isinstance(dataset, Images) else None,
        side=dataset.side if isinstance(dataset, Images) else None,
        classes=dataset.classes if isinstance(dataset, LabelledImages) else None,
    )


def _tuned(study: StudyRecord, own: OptimizerEvidence) -> Tuned:
    evidence = own.transfer_under(Parametrization.MUP)
    if study.shape is None and study.spec.family.is_external:
        raise NoModel(study.id, "a recommendation")
    if own.winner is None or evidence is None or study.shape is None:
        raise NotReady(study.id, "a recommendation")
    return Tuned(own, own.winner, evidence, study.shape)


def _target_model(
    spec: StudySpec, carried: Transferred, target: WholeTarget, described: DescribedTarget | None
) -> TargetModel:
    if described is None:
        return model_of_family(carried.setting, spec.family, target)
    residual = carried.residual_multiplier
    return described_model(carried.setting, spec.family, described, residual)


def _findings(
    study: StudyRecord, target: WholeTarget, tuned: Tuned, carried: Transferred
) -> Findings:
    return Findings(
        spec=study.spec,
        state=study.state,
        target=target,
        evidence=tuned.evidence,
        prediction=carried.prediction,
        predicted_regret_percent=carried.rate.predicted_regret_percent,
        check=tuned.own.check,
        axes=carried.beside.axes,
        noise=tuned.own.noise,
        dynamics=tuned.own.dynamics,
    )


def _search_outcome(spec: StudySpec, own: OptimizerEvidence, carried: Transferred) -> SearchOutcome:
    return SearchOutcome(
        config=_config(spec, own.optimizer),
        prediction=carried.prediction,
        widths=carried.widths,
        finished=own.finished_searches,
        further=own.further,
        swept=carried.beside.measured,
        training=tuple(spec.searched_training(own.optimizer)),
    )


def _cost(
    study: StudyRecord, known: EvidenceSummary, tuned: Tuned, target: WholeTarget
) -> TuningCost:
    trainings = () if study.dynamics is None else study.dynamics.trainings
    return tuning_cost(
        known.trained,
        study.spec,
        tuned.shape,
        target,
        tuned.own.measuring_end,
        looked_at=[one.width for one in trainings],
    )


def _chosen(spec: StudySpec, known: EvidenceSummary, asked: Optimizer | None) -> Optimizer:
    names = [config.name for config in spec.optimizers]
    if asked is None:
        if known.standings:
            return known.standings[0].optimizer
        ready = (one.optimizer for one in known.optimizers if one.winner is not None)
        return next(ready, names[0])
    if asked not in names:
        words = f"{asked} is not one of the study's: choose one of {', '.join(names)}"
        raise IllegalTarget("optimizer", asked, words)
    return asked


def _config(spec: StudySpec, optimizer: Optimizer) -> OptimizerConfig:
    return next(one for one in spec.optimizers if one.name == optimizer)


def _provenance(study: StudyRecord, known: EvidenceSummary, chosen: Optimizer) -> Provenance:
    return Provenance(
        study_id=study.id,
        spec_sha256=_sha256(json.dumps(study.spec.model_dump(mode="json"), sort_keys=True)),
        evidence_sha256=known.results_sha256,
        data_sha256=study.data_sha256,
        rule_version=rules_version(study.spec.policies),
        plugin=_config(study.spec, chosen).plugin_used,
        prior=study.spec.prior,
        seeds=known.seeds,
        trials=known.trials,
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
