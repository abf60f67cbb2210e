"""Tell before anything trains that the answer for a study's target will abstain."""

from collections.abc import Iterator

from parametrization.check.usual_settings import check_hyperparameters
from parametrization.recommendation.trust import Axis
from parametrization.scaling.companions import by_optimizer
from tuner.recommendation.axes.horizon import horizon_axes
from tuner.recommendation.axes.target_axes import depth_axis
from tuner.recommendation.axes.width import Move
from tuner.recommendation.verdict import leaves_the_tested_range
from tuner.spec.study import StudySpec


def foreseen(spec: StudySpec) -> tuple[str, ...]:
    """Reasons that the answer will abstain, whatever the trials show.

    They are of depth, batch and tokens that are not measured. Betas that are searched are taken at
    their usual values.
    """
    axes = [axis for axis in _unmeasured(spec) if axis.moves and leaves_the_tested_range(axis)]
    return tuple(dict.fromkeys(map(_words, axes)))


def _unmeasured(spec: StudySpec) -> Iterator[Axis]:
    policies, target, proxies = spec.policies, spec.whole_target, spec.proxies
    asked = spec.measure.axes.model_dump()
    depth = Move("depth", proxies.depth, target.depth)
    batch = Move("batch", proxies.batch_size, target.batch_size)
    tokens = Move("tokens", proxies.tokens, target.tokens)
    for config in spec.optimizers:
        fixed = {
            name: float(value)
            for name, value in config.model_dump().items()
            if type(value) in (int, float)
        }
        by = by_optimizer(config.name, check_hyperparameters(config.name, fixed))
        axes = (depth_axis(policies, by, depth), *horizon_axes(policies, by, batch, tokens).axes)
        yield from (axis for axis in axes if not asked[axis.name])


def _words(axis: Axis) -> str:
    return (
        f"{axis.name} {axis.proxy:,} in the proxies, {axis.target:,} in the target is farther than"
        f" {axis.rule} is trusted: have measure.axes.{axis.name} measured, or give the proxies more"
        f" of the target's {axis.name}"
    )
