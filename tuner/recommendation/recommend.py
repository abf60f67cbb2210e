"""The answer of a study: hyperparameters for any target, with what they rest on.

A pure computation over stored evidence: no device, milliseconds.
"""

import hashlib
import json

from parametrization.check.verdict import CheckVerdict
from parametrization.optimizers.rules_version import rules_version
from parametrization.rules.depth import residual_multiplier
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from parametrization.scaling.hyperparameter_words import Setting
from parametrization.scaling.multipliers import Multipliers
from parametrization.shapes.deeper_models import shape_at_depth
from parametrization.shapes.roles import ModelShape
from tuner.evidence.comparison import OptimizerStanding
from tuner.evidence.drift import predict
from tuner.evidence.study_evidence import EvidenceSummary
from tuner.evidence.transfer import TransferEvidence
from tuner.recommendation.axes.all import target_axes
from tuner.recommendation.axes.width import Axis, Move, width_axis
from tuner.recommendation.cost import TuningCost, tuning_cost
from tuner.recommendation.headline import headline, peak_rates
from tuner.recommendation.hyperparameters import HyperparameterValue, Search, hyperparameter_values
from tuner.recommendation.learning_rate import LearningRate, learning_rate
from tuner.recommendation.values import (
    ParameterGroup,
    ScheduleValues,
    TensorValues,
    parameter_groups,
    schedule_values,
    tensor_values,
)
from tuner.recommendation.verdict import (
    Findings,
    Reason,
    Verdict,
    extrapolated_drift_octaves,
    measured_widths,
    reasons_against,
    verdict_on,
)
from tuner.records.errors import NotReady
from tuner.records.snapshot import StudyRecord
from tuner.spec.families.model_family import Comparison
from tuner.spec.families.registry import AnyFamily
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.optimizers.records import OptimizerConfig
from tuner.spec.record import Record
from tuner.spec.requested_target import IllegalTarget, target_asked
from tuner.spec.states import StudyState
from tuner.spec.study import StudySpec
from tuner.spec.target import WholeTarget


class Provenance(Record):
    """What the answer was computed from."""

    study_id: str
    spec_sha256: str
    """Of the stored spec as canonical JSON."""
    evidence_sha256: str
    """Of the number, state and value of every trial."""
    data_sha256: str | None
    """Of everything that the proxies' batches were made of; null for studies of releases that did
    not note it."""
    rule_version: str
    plugin: str | None
    """Package and version that the optimizer comes from; null if it is built in."""
    seeds: tuple[int, ...]
    """Seeds of the trials with a result."""
    trials: int


class Recommendation(Record):
    """Hyperparameters for one target, how they were found, and whether to trust them."""

    headline: str
    """Verdict, optimizer, target and the peak learning rates of its tensors, in one sentence."""
    study_id: str
    state: StudyState
    provisional: bool
    """The study has not completed: the answer may still move."""
    verdict: Verdict
    reasons: tuple[Reason, ...]
    """Against trusting it, the weakest axis first; empty if the verdict is `recommend`.

    Until the study has ended, what speaks against it so far."""
    optimizer: Optimizer
    parametrization: Parametrization
    family: AnyFamily
    policies: Policies
    width: int
    """The target's."""
    target: WholeTarget
    base_width: int
    """Width at which every multiplier is 1."""
    base_depth: int
    """The proxies'."""
    width_multiplier: float
    multipliers: Multipliers
    """Target over base as the rules were applied: 1 along an axis that is not transferable."""
    residual_multiplier: float
    """Factor on every residual branch of the target: x + residual_multiplier * f(x)."""
    learning_rate: LearningRate
    base_hyperparameters: dict[str, float]
    """At the base (the base width with the proxies' depth, batch and tokens): everything that
    `parametrization` needs."""
    hyperparameters: tuple[HyperparameterValue, ...]
    """The same, with origin and basis."""
    gradient_clip_norm: float | None
    """On the global norm; constant in width while the readout's multiplier stays in the forward."""
    groups: tuple[ParameterGroup, ...]
    tensors: tuple[TensorValues, ...]
    schedule: ScheduleValues
    axes: tuple[Axis, ...]
    extrapolated_drift_octaves: float | None
    """Drift from the nearest measured width to the target."""
    compared_by: Comparison
    """What every loss here is."""
    evidence: TransferEvidence
    control: TransferEvidence | None
    """The same under the standard parametrization, if the study ran it."""
    check: CheckVerdict | None
    optimizers: tuple[OptimizerStanding, ...]
    """Standings, best first, once every optimizer of the study is measured."""
    cost: TuningCost
    provenance: Provenance
    base_shapes: ModelShape
    """The target's tensors at the base width, those of all its blocks: what applying it to a model
    takes beside the numbers above."""


def recommend(  # one keyword per axis
    study: StudyRecord,
    known: EvidenceSummary,
    *,
    width: int | None = None,
    depth: int | None = None,
    batch_size: int | None = None,
    tokens: int | None = None,
    optimizer: Optimizer | None = None,
) -> Recommendation:
    """The recommendation for a target.

    Args:
        known: the evidence of the study.
        width: of the target, as its depth, batch_size and tokens; default: what the study names.
        optimizer: one of the study's; default: the best one measured, the first one until then.

    Raises:
        NotReady: if no search trial has finished yet.
        IllegalTarget: if the family has no such width, or no rule for such a depth.
        ValueError: if the study has no such optimizer.

    """
    spec = study.spec
    target = target_asked(spec, width=width, depth=depth, batch_size=batch_size, tokens=tokens)
    chosen = _chosen(spec, known, optimizer)
    own = known.about(chosen)
    best, evidence = own.winner, own.transfer_under(Parametrization.MUP)
    if best is None or evidence is None or study.shape is None:
        raise NotReady(study.id, "a recommendation")

    prediction = predict(evidence.optima, target.width)
    rate = learning_rate(spec, evidence, prediction, best.hyperparameters)
    hyperparameters = best.hyperparameters | {"learning_rate": rate.value}
    others = target_axes(spec, target, chosen, study.shape, hyperparameters)
    policies, mults = spec.policies, others.multipliers
    setting = Setting(study.shape, chosen, hyperparameters, policies, mults)
    widths = measured_widths(evidence)
    over_width = width_axis(
        setting, Move("width", spec.proxy_width, target.width), prediction, widths
    )
    found = Findings(
        spec,
        study.state,
        target,
        evidence,
        prediction,
        rate.predicted_regret_percent,
        own.check,
        others.axes,
    )
    reasons = reasons_against(found)
    try:
        shape = shape_at_depth(study.shape, spec.family.depth, target.depth)
    except ValueError as error:
        raise IllegalTarget("depth", target.depth, str(error)) from error
    tensors = tensor_values(shape, chosen, hyperparameters, policies, mults)
    groups = parameter_groups(tensors, chosen, hyperparameters)
    verdict = verdict_on(reasons, study.state)
    model = f"{spec.family.name} with {chosen}"
    return Recommendation(
        headline=headline(verdict, study.state, target, model, peak_rates(groups, rate.digits)),
        study_id=study.id,
        state=study.state,
        provisional=study.state is not StudyState.COMPLETED,
        verdict=verdict,
        reasons=reasons,
        optimizer=chosen,
        parametrization=Parametrization.MUP,
        family=spec.family,
        policies=spec.policies,
        width=target.width,
        target=target,
        base_width=spec.base_width,
        base_depth=spec.family.depth,
        width_multiplier=mults.width,
        multipliers=mults,
        residual_multiplier=residual_multiplier(policies.depth_rule, policies.alpha, mults.depth),
        learning_rate=rate,
        base_hyperparameters=hyperparameters,
        hyperparameters=hyperparameter_values(
            setting,
            Search(
                _config(spec, chosen),
                prediction,
                widths,
                own.finished_searches,
            ),
            (over_width, *others.axes),
        ),
        gradient_clip_norm=spec.training.gradient_clip_norm,
        groups=groups,
        tensors=tensors,
        schedule=schedule_values(spec.training_by(chosen), target.steps, groups),
        axes=(over_width, *others.axes),
        extrapolated_drift_octaves=extrapolated_drift_octaves(found),
        compared_by=spec.family.compared_by,
        evidence=evidence,
        control=own.transfer_under(Parametrization.SP),
        check=own.check,
        optimizers=known.standings,
        cost=tuning_cost(known.trained, spec, study.shape, target),
        provenance=_provenance(study, known, chosen),
        base_shapes=shape,
    )


def _chosen(spec: StudySpec, known: EvidenceSummary, asked: Optimizer | None) -> Optimizer:
    names = [config.name for config in spec.optimizers]
    if asked is None:
        if known.standings:
            return known.standings[0].optimizer
        ready = (one.optimizer for one in known.optimizers if one.winner is not None)
        return next(ready, names[0])
    if asked not in names:
        raise ValueError(
            f"optimizer {asked} is not one of the study's: choose one of {', '.join(names)}"
        )
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
        seeds=known.seeds,
        trials=known.trials,
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
