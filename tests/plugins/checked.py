"""Run in a process of its own, beside plugins: coordinate checks of the optimizers named.

Prints one JSON object: by name, whether the check passed, its summary, and the slopes of updates.
"""

import json
import sys
from functools import partial

from parametrization.check.usual_settings import check_hyperparameters
from parametrization.check.verdict import CheckVerdict
from parametrization.nn.check.run import check_width
from parametrization.nn.check.statistics import CheckedTraining
from tests.parametrization.builders import scalings_of, shape_of
from tests.parametrization.nn.small_models import Mlp, cross_entropy, image_batch
from tuner.spec.optimizers.records import RECORDS

WIDTHS = (128, 256, 512)


MODEL = partial(Mlp, depth=2)


def check(optimizer: str) -> CheckVerdict:
    """With the numbers that a study checks it with."""
    config = RECORDS[optimizer].model_validate({"name": optimizer})
    scalings = partial(
        scalings_of,
        MODEL,
        base_width=WIDTHS[0],
        optimizer=optimizer,
        given=check_hyperparameters(config.name, config.fixed),
    )
    return check_width(
        lambda width: CheckedTraining(partial(MODEL, width), cross_entropy, image_batch),
        scalings,
        shape_of(MODEL, WIDTHS[0]),
        optimizer=optimizer,
        widths=WIDTHS,
    )


def main(names: list[str]) -> None:
    found = {}
    for name in names:
        verdict = check(name)
        slopes = {one.tensor: one.update_slope for one in verdict.tensors}
        found[name] = {"passed": verdict.passed, "summary": verdict.summary, "slopes": slopes}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
