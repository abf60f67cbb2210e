"""Hold a cohort of a user's own code against a trial alone, before anything trains that way."""

import math
from collections.abc import Callable
from contextlib import closing
from typing import Final

from workers.cohort.cohort import Cohort
from workers.cohort.programs import Programs
from workers.training.trainer import take_step
from workers.training.trial import RunningTrial

AGREEING_STEPS: Final = 4
AGREEMENT: Final = 1e-4
"""Relative, of losses: sums in another order differ by 1e-6 at first."""


def require_agreement(build: Callable[[], RunningTrial], programs: Programs) -> None:
    """Hold a cohort's losses against a lone trial's, for code that nobody has read.

    Tracing keeps what a program does in Python, such as counting its calls, as it was done once.

    Raises:
        ArithmeticError: if they do not agree.

    """
    lone, pair = build(), [build(), build()]
    for _ in range(AGREEING_STEPS):
        lone.train_losses.append(take_step(lone).train_loss)
    with closing(Cohort(pair, programs)) as cohort:
        cohort.advance(AGREEING_STEPS)
    for trial in pair:
        if len(trial.train_losses) != AGREEING_STEPS or not all(
            math.isclose(one, other, rel_tol=AGREEMENT)
            for one, other in zip(lone.train_losses, trial.train_losses, strict=True)
        ):
            raise ArithmeticError(
                f"the losses are {lone.train_losses} alone and {trial.train_losses} in a cohort"
            )
