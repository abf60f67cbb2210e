"""Take the coordinate check of a study of the family `external` on a user's own model."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from parametrization.check.slopes import TensorStatistic
from parametrization.check.usual_settings import check_hyperparameters
from parametrization.recommendation.check_statistics import CheckStatistics, read_check_statistics
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from widthwise.errors import WidthwiseError

Loss = Callable[[Any, Any], Any]
"""(torch.nn.Module, batch) -> scalar tensor, the mean over the batch."""
Batch = Callable[[int, int, int], Any]
"""(seed, step, examples) -> batch, the same whenever it is asked for and at every width."""


def taken_statistics(
    study: Mapping[str, Any], build: Callable[[int], Any], loss: Loss, batch: Batch
) -> Iterator[tuple[str, list[TensorStatistic]]]:
    """Train a few updates at every width of the check: (optimizer, statistics) of each of them.

    Args:
        study: as the service shows it.
        build: the model of a width, whose tensors are those of the study's shapes.

    Raises:
        WidthwiseError: if the study's trials are not trained by programs of the user's own, the
            model is not the one whose shapes it was given, or its losses are not finite.

    """
    spec = study["spec"]
    for config in spec["optimizers"]:
        name = config["name"]
        judged = _judged(spec, name)
        shape = judged.base_shapes
        fixed = {key: float(value) for key, value in config.items() if _is_number(value)}
        numbers = check_hyperparameters(name, fixed)
        for width in spec["check"]["widths"]:
            scalings = scale(
                shape,
                numbers,
                Multipliers(width / shape.base_width),
                optimizer=name,
                policies=judged.policies,
            )
            trained = _Trained(build, loss, batch, spec["training"]["batch_size"])
            yield name, trained.at_width(width, scalings, range(spec["check"]["seeds"][name]))


class _Trained:
    """A model and its data, trained for the check."""

    def __init__(
        self, build: Callable[[int], Any], loss: Loss, batch: Batch, batch_size: int
    ) -> None:
        self._build, self._loss, self._batch, self._size = build, loss, batch, batch_size

    def at_width(
        self, width: int, scalings: Sequence[Any], seeds: Sequence[int]
    ) -> list[TensorStatistic]:
        """Statistics of every tensor at one width."""
        from parametrization.nn.check.statistics import CheckedTraining, coordinate_statistics

        training = CheckedTraining(partial(self._build, width), self._loss, self._examples)
        try:
            found = coordinate_statistics(training, scalings, width=width, seeds=seeds)
        except (ValueError, KeyError, TypeError, RuntimeError) as error:
            raise WidthwiseError(
                f"the check could not be taken at width {width}: {type(error).__name__}: {error}"
            ) from error
        for one in found:
            sizes = (one.update_rms, one.propagation_rms, one.initial_rms)
            if not all(math.isfinite(size or 0.0) for size in sizes):
                raise WidthwiseError(
                    f"the check found a number that is not finite in {one.tensor}, width {width},"
                    f" seed {one.seed}: use a loss that is a mean, and data that is finite"
                )
        return found

    def _examples(self, seed: int, step: int) -> Any:  # noqa: ANN401  whatever the loss reads
        return self._batch(seed, step, self._size)


def _judged(spec: Mapping[str, Any], optimizer: str) -> CheckStatistics:
    """Shapes and policies by which the service will judge, without statistics yet."""
    family = spec["family"]
    if family["name"] != "external" or family.get("shapes") is None:
        raise WidthwiseError(
            f"the study is of the family {family['name']}, whose check the service takes itself:"
            " only studies of the family external are checked by you"
        )
    given: dict[str, Any] = {
        "optimizer": optimizer,
        "base_shapes": family["shapes"],
        "policies": spec["policies"],
        "statistics": [],
    }
    try:
        return read_check_statistics(given)
    except ValueError as error:
        raise WidthwiseError(f"the study's shapes cannot be read here: {error}") from error


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
