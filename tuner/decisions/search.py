"""Optuna, rebuilt in memory from the stored trials whenever it is asked something.

A rebuilt study proposes and prunes exactly as the one that lived through the trials, because
rows carry what the samplers and pruners noted (`system_attrs`), running trials are included
(without them every ask of a batch gives the same point), and its name is the study's.
Each batch seeds its sampler anew, from the study's seed, the optimizer and the batch.
"""

import hashlib
import math
import warnings
from typing import Final

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import InMemoryStorage

from parametrization.rules.parametrization import Parametrization
from tuner.records.snapshot import NewTrial, Promotion, StudyRecord, TrialEnding, TrialRecord
from tuner.spec.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from tuner.spec.optimizer_name import Optimizer
from tuner.spec.optimizers import OptimizerConfig
from tuner.spec.states import Purpose, TrialState
from tuner.spec.study import StudySpec

_STATES: Final = {
    TrialState.WAITING: optuna.trial.TrialState.RUNNING,
    TrialState.RUNNING: optuna.trial.TrialState.RUNNING,
    TrialState.COMPLETE: optuna.trial.TrialState.COMPLETE,
    TrialState.PRUNED: optuna.trial.TrialState.PRUNED,
    TrialState.FAIL: optuna.trial.TrialState.FAIL,
}

_STUDY_ATTRS: Final = "widthwise:study"  # what a sampler notes on the study, kept with its trials
DECIDED_STEP: Final = "widthwise:decided_step"  # the last rung at which the trial was let go on


def propose_batch(
    study: StudyRecord, config: OptimizerConfig, trials: tuple[TrialRecord, ...], batch: int
) -> tuple[NewTrial, ...]:
    """The next logical batch of search trials of one optimizer.

    Args:
        trials: the optimizer's search trials so far, by number.
        batch: number of the batch, from 0.
    """
    spec = study.spec
    distributions = _distributions(config)
    optuna_study, storage = _rebuild(study, config, trials, batch)
    study_id = storage.get_study_id_from_name(optuna_study.study_name)
    count = min(spec.search.batch_size, spec.search.trials - len(trials))
    asked = [optuna_study.ask(fixed_distributions=distributions) for _ in range(count)]
    study_attrs = storage.get_study_system_attrs(study_id)
    return tuple(
        NewTrial(
            purpose=Purpose.SEARCH,
            optimizer=config.name,
            parametrization=Parametrization.MUP,
            width=spec.proxy_width,
            seed=spec.seed,
            batch=batch,
            hyperparameters={**config.fixed, **trial.params},
            params=trial.params,
            system_attrs=trial.system_attrs
            | ({_STUDY_ATTRS: dict(study_attrs)} if study_attrs else {}),
        )
        for trial in optuna_study.trials[len(trials) :][: len(asked)]
    )


def decide_rung(
    study: StudyRecord,
    config: OptimizerConfig,
    trials: tuple[TrialRecord, ...],
    at_rung: tuple[TrialRecord, ...],
) -> tuple[tuple[TrialEnding, ...], tuple[Promotion, ...]]:
    """Which of the trials that stand at one rung end there, and which go on.

    Args:
        trials: the optimizer's search trials, by number.
        at_rung: the members of one batch whose last stored step is the rung.
    """
    optuna_study, _ = _rebuild(study, config, trials, at_rung[0].batch)
    positions = {trial.number: position for position, trial in enumerate(trials)}
    endings, promotions = [], []
    for trial in at_rung:
        position = positions[trial.number]
        # Not `study.trials`: that copies all of them, deeply, for every trial at the rung.
        standing = optuna_study.get_trials(deepcopy=False)[position]
        if optuna_study.pruner.prune(optuna_study, standing):
            endings.append(TrialEnding(number=trial.number, state=TrialState.PRUNED))
        else:
            noted = optuna_study.get_trials(deepcopy=False)[position].system_attrs
            promotions.append(
                Promotion(number=trial.number, system_attrs=noted | {DECIDED_STEP: trial.step})
            )
    return tuple(endings), tuple(promotions)


def _rebuild(
    study: StudyRecord, config: OptimizerConfig, trials: tuple[TrialRecord, ...], batch: int
) -> tuple[optuna.Study, InMemoryStorage]:
    storage = InMemoryStorage()
    with warnings.catch_warnings():  # the user chose the sampler by name; its status is documented
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = _sampler(study.spec, config, batch)
    optuna_study = optuna.create_study(
        storage=storage,
        study_name=config.name,  # Hyperband draws brackets by it: the same for equal specs
        sampler=sampler,
        pruner=_pruner(study.spec),
    )
    distributions = _distributions(config)
    study_id = storage.get_study_id_from_name(optuna_study.study_name)
    for trial in trials:
        optuna_study.add_trial(_as_optuna(trial, distributions))
        for key, value in trial.system_attrs.get(_STUDY_ATTRS, {}).items():
            storage.set_study_system_attr(study_id, key, value)
    return optuna_study, storage


def _as_optuna(
    trial: TrialRecord, distributions: dict[str, BaseDistribution]
) -> optuna.trial.FrozenTrial:
    """The trial in Optuna's words. Diverged ones are pruned: told as failed, samplers go back."""
    return optuna.trial.create_trial(
        state=_STATES[trial.state],
        value=trial.value if trial.state is TrialState.COMPLETE else None,
        params=trial.params,
        distributions=distributions,
        intermediate_values=trial.intermediate_values,
        system_attrs=trial.system_attrs,
        user_attrs={"reason": trial.state_reason} if trial.state_reason else {},
    )


def _distributions(config: OptimizerConfig) -> dict[str, BaseDistribution]:
    return {name: _distribution(value) for name, value in config.searched.items()}


def _distribution(
    ours: FloatDistribution | IntDistribution | CategoricalDistribution,
) -> BaseDistribution:
    if isinstance(ours, FloatDistribution):
        return optuna.distributions.FloatDistribution(
            ours.low, ours.high, log=ours.log, step=ours.step
        )
    if isinstance(ours, IntDistribution):
        return optuna.distributions.IntDistribution(
            ours.low, ours.high, log=ours.log, step=ours.step
        )
    return optuna.distributions.CategoricalDistribution(ours.choices)


def _seed(spec: StudySpec, optimizer: Optimizer, batch: int) -> int:
    digest = hashlib.sha256(f"{spec.seed}/{optimizer}/{batch}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


class _QmcOverKnownSpace(optuna.samplers.QMCSampler):
    """QMC from the first trial on.

    Optuna's infers the space from finished trials, which a first batch does not have.
    """

    def __init__(self, space: dict[str, BaseDistribution], seed: int) -> None:
        super().__init__(seed=seed, scramble=True)
        self._space = space

    def infer_relative_search_space(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self._space


def _sampler(spec: StudySpec, config: OptimizerConfig, batch: int) -> optuna.samplers.BaseSampler:
    seed = _seed(spec, config.name, batch)
    whole_study = _seed(spec, config.name, 0)  # for one sequence that batches continue
    match spec.search.sampler:
        case "random":
            return optuna.samplers.RandomSampler(seed=seed)
        case "grid":
            return optuna.samplers.GridSampler(_grid(spec, config), seed=whole_study)
        case "qmc":
            return _QmcOverKnownSpace(_distributions(config), whole_study)
        case "cmaes":
            return optuna.samplers.CmaEsSampler(
                seed=seed, n_startup_trials=spec.search.batch_size, warn_independent_sampling=False
            )
        case "gp":  # loads torch into this process: Optuna's Gaussian process is written in it
            return optuna.samplers.GPSampler(seed=seed, n_startup_trials=spec.search.batch_size)
        case "tpe":
            return optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=spec.search.batch_size, constant_liar=True
            )


def _grid(spec: StudySpec, config: OptimizerConfig) -> dict[str, list[float]]:
    """About `trials` points: every range cut into equally many, evenly on its own scale."""
    searched = config.searched
    points = max(2, math.ceil(spec.search.trials ** (1 / len(searched))))
    return {name: _spread(value, points) for name, value in searched.items()}


def _spread(
    ours: FloatDistribution | IntDistribution | CategoricalDistribution, points: int
) -> list[float]:
    if isinstance(ours, CategoricalDistribution):
        return list(ours.choices)
    fractions = [i / (points - 1) for i in range(points)]
    if ours.log:
        spread = [ours.low * (ours.high / ours.low) ** fraction for fraction in fractions]
    else:
        spread = [ours.low + (ours.high - ours.low) * fraction for fraction in fractions]
    if isinstance(ours, IntDistribution):
        return sorted({ours.low + round((x - ours.low) / ours.step) * ours.step for x in spread})
    spread[-1] = ours.high  # rounding must not leave the range
    if ours.step is not None:
        return sorted({ours.low + round((x - ours.low) / ours.step) * ours.step for x in spread})
    return spread


def _pruner(spec: StudySpec) -> optuna.pruners.BasePruner:
    first = spec.rungs[0]
    match spec.search.pruner:
        case "none":
            return optuna.pruners.NopPruner()
        case "median":
            return optuna.pruners.MedianPruner(n_startup_trials=spec.search.batch_size)
        case "successive_halving":
            return optuna.pruners.SuccessiveHalvingPruner(min_resource=first, reduction_factor=2)
        case "hyperband":
            return optuna.pruners.HyperbandPruner(
                min_resource=first, max_resource=spec.training.steps, reduction_factor=2
            )
