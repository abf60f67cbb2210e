"""Proposals and pruning by Optuna, in memory.

Optuna is told of the stored trials. A study rebuilt from them proposes and prunes exactly as the
original one, because rows carry what the samplers and pruners noted (`system_attrs`),
running trials are included (without them every ask of a batch gives the same point), and its name
is the optimizer's. Each batch seeds its sampler anew, from the study's seed, the optimizer and the
batch.
"""

import hashlib
import warnings
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection

from parametrization.rules.parametrization import Parametrization
from tuner.decisions.optuna_trials import (
    as_known,
    as_optuna,
    distributions_of,
    drawn_training,
)
from tuner.decisions.search_grid import search_grid
from tuner.records.decision import Promotion, TrialEnding
from tuner.records.given_points import GIVEN_POINT, GivenPoint
from tuner.records.snapshot import StudyRecord
from tuner.records.trials import NewTrial, TrialGroup, TrialRecord
from tuner.spec.optimizers.name import Optimizer
from tuner.spec.optimizers.records import OptimizerConfig
from tuner.spec.states import Purpose, TrialState
from tuner.spec.study import StudySpec

_STUDY_ATTRS: Final = "widthwise:study"  # what a sampler notes on the study, kept with its trials
DECIDED_STEP: Final = "widthwise:decided_step"  # the last rung at which the trial was let go on


class Search(NamedTuple):
    """The search of one optimizer, and Optuna's storage, which has been told of its trials."""

    study: StudyRecord
    config: OptimizerConfig
    trials: TrialGroup
    storage: "_Storage"
    enqueued: tuple[GivenPoint, ...] = ()
    """Points to train next."""


class Searches:
    """Tells Optuna of the trials of one study, each ended trial once.

    Optuna answers as if it were told of all trials anew: those that were unfinished when it was
    last asked are told again, and what it noted or proposed since then is forgotten, because it
    is among the trials if it was stored. One that has ended does not change any more.
    """

    def __init__(self) -> None:
        self._storages: dict[Optimizer, _Storage] = {}

    def told(
        self,
        study: StudyRecord,
        config: OptimizerConfig,
        trials: TrialGroup,
        given: Sequence[GivenPoint] = (),
    ) -> Search:
        """Tell Optuna of one optimizer's search trials.

        Args:
            given: points that the study was given: those with values are told before all trials.

        """
        ours = [point for point in given if point.optimizer == config.name]
        priors = [point for point in ours if point.value is not None]
        storage = self._storages.get(config.name)
        if storage is None or storage.told > len(trials) or storage.priors != len(priors):
            storage = self._storages[config.name] = _Storage(study.spec, config, priors)
        storage.tell(trials)
        trained = {trial.system_attrs.get(GIVEN_POINT) for trial in trials} if ours else set()
        enqueued = (one for one in ours if one.value is None and one.id not in trained)
        return Search(study, config, trials, storage, tuple(enqueued))


def propose_batch(search: Search, batch: int) -> tuple[NewTrial, ...]:
    """The next logical batch of search trials of one optimizer.

    Args:
        search: has no unfinished trials.
        batch: number of the batch, from 0.
    """
    study, config, trials, storage, enqueued = search
    spec = study.spec
    distributions = _drawn_from(spec, config)
    optuna_study = _optuna_study(search, batch)
    count = min(spec.search.batch_size, spec.search.trials - len(trials))
    noted: list[dict[str, Any]] = [{GIVEN_POINT: point.id} for point in enqueued[:count]]
    for place in range(count):
        if place < len(enqueued):
            optuna_study.enqueue_trial(enqueued[place].params)
        optuna_study.ask(fixed_distributions=distributions)
    noted += [{}] * (count - len(noted))
    study_attrs = storage.get_study_system_attrs(storage.study_id)
    return tuple(
        NewTrial(
            purpose=Purpose.SEARCH,
            optimizer=config.name,
            parametrization=Parametrization.MUP,
            width=spec.proxy_width,
            seed=spec.seed,
            batch=batch,
            hyperparameters={
                **config.fixed,
                **{name: trial.params[name] for name in config.searched},
            },
            training=drawn_training(trial.params),
            params=trial.params,
            system_attrs=trial.system_attrs
            | ({_STUDY_ATTRS: dict(study_attrs)} if study_attrs else {})
            | point,
        )
        for trial, point in zip(storage.proposed, noted, strict=True)
    )


def decide_rung(
    search: Search, at_rung: Sequence[TrialRecord]
) -> tuple[tuple[TrialEnding, ...], tuple[Promotion, ...]]:
    """Decide which of the trials at one rung end there and which go on.

    Args:
        search: of these and all earlier trials.
        at_rung: the members of one batch whose last stored step is the rung.
    """
    optuna_study = _optuna_study(search, at_rung[0].batch)
    endings, promotions = [], []
    for trial in at_rung:
        position = search.trials.position(trial.number)
        if optuna_study.pruner.prune(optuna_study, search.storage.at(position)):
            endings.append(TrialEnding(number=trial.number, state=TrialState.PRUNED))
        else:
            noted = search.storage.at(position).system_attrs
            promotions.append(
                Promotion(number=trial.number, system_attrs=noted | {DECIDED_STEP: trial.step})
            )
    return tuple(endings), tuple(promotions)


class _Storage(InMemoryStorage):
    """Optuna's storage of one study, in which trials can be replaced and taken back."""

    def __init__(
        self, spec: StudySpec, config: OptimizerConfig, priors: Sequence[GivenPoint] = ()
    ) -> None:
        super().__init__()
        # Hyperband draws brackets by the name: the same for equal specs.
        self.study_id = self.create_new_study([StudyDirection.MINIMIZE], config.name)
        self.told = 0
        self._unfinished: list[int] = []
        self._study_attrs: dict[str, Any] = {}
        self._distributions = _drawn_from(spec, config)
        self.priors = len(priors)
        for point in priors:
            self.create_new_trial(self.study_id, as_known(point, self._distributions))

    def tell(self, trials: TrialGroup) -> None:
        """Replace the trials by these: those told before, and new ones."""
        self._take_back_proposals()
        positions = [*self._unfinished, *range(self.told, len(trials))]
        for position in positions:
            self._put(position, as_optuna(trials[position], self._distributions))
            self._study_attrs |= trials[position].system_attrs.get(_STUDY_ATTRS, {})
        self._studies[self.study_id].system_attrs = dict(self._study_attrs)
        self._unfinished = [n for n in positions if not trials[n].is_final]
        self.told = len(trials)

    def at(self, position: int) -> optuna.trial.FrozenTrial:
        """The trial at a position among the study's own; not a copy."""
        return self._studies[self.study_id].trials[self.priors + position]

    @property
    def proposed(self) -> list[optuna.trial.FrozenTrial]:
        """Those that were asked for since the last call of `tell`."""
        return self._studies[self.study_id].trials[self.priors + self.told :]

    def _put(self, position: int, trial: optuna.trial.FrozenTrial) -> None:
        if self.priors + position == len(self._studies[self.study_id].trials):
            self.create_new_trial(self.study_id, trial)
            return
        trial.number = self.priors + position
        trial._trial_id = self.at(position)._trial_id
        self._set_trial(trial._trial_id, trial)
        self._update_cache(trial._trial_id, self.study_id)

    def _take_back_proposals(self) -> None:
        proposed = self._studies[self.study_id].trials
        while len(proposed) > self.priors + self.told:
            del self._trial_id_to_study_id_and_number[proposed.pop()._trial_id]
            self._max_trial_id -= 1


def _optuna_study(search: Search, batch: int) -> optuna.Study:
    with warnings.catch_warnings():  # the user chose the sampler by name; its status is documented
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = _sampler(search.study.spec, search.config, batch)
    return optuna.load_study(
        storage=search.storage,
        study_name=search.config.name,
        sampler=sampler,
        pruner=_pruner(search.study.spec),
    )


def _drawn_from(spec: StudySpec, config: OptimizerConfig) -> dict[str, BaseDistribution]:
    return distributions_of(config, spec.searched_training(config.name))


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
            return optuna.samplers.GridSampler(search_grid(spec, config), seed=whole_study)
        case "qmc":
            return _QmcOverKnownSpace(_drawn_from(spec, config), whole_study)
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
