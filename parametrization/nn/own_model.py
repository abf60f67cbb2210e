"""Base shapes and coordinate check of the reader's own model, each in one call."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any, Final, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from parametrization.check.usual_settings import check_hyperparameters, check_seeds
from parametrization.check.verdict import CheckVerdict
from parametrization.nn.base_shapes import derive_model_shape
from parametrization.nn.check.run import check_depth, check_width
from parametrization.nn.check.statistics import CheckedTraining
from parametrization.nn.classify import Declaration
from parametrization.nn.initialise import set_residual_multipliers
from parametrization.nn.start.fixed_starts import Built, fixed_starts
from parametrization.rules.depth import residual_multiplier
from parametrization.rules.policies import Policies
from parametrization.scaling.model_scaling import scale
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_scaling import DEFAULT_POLICIES, TensorScaling
from parametrization.shapes.roles import ModelShape, Role

Build: TypeAlias = Callable[[int], nn.Module]
"""The model of a width, or of a depth."""
Loss: TypeAlias = Callable[[nn.Module, Any], Tensor]
"""(model, batch) -> scalar, the mean over the batch."""
Batch: TypeAlias = Callable[[int, int], Any]
"""(seed, step) -> batch, the same whenever it is asked for and at every width."""


class BuildDeep(Protocol):
    def __call__(self, width: int, /, *, depth: int) -> nn.Module: ...


MOST_SEEDS: Final = 16
_OTHER_SEED: Final = 6_364_136_223  # of no caller

Roles: TypeAlias = Mapping[str, Role | Declaration]


def shape(
    build: Build | nn.Module,
    base_width: int,
    *,
    delta: nn.Module | None = None,
    roles: Roles | None = None,
    blocks: Iterable[str] = (),
    device: str = "cpu",
) -> ModelShape:
    """Base shapes of a model: the role of every tensor and the dimensions that grow with width.

    Args:
        build: the model of a width, called for twice `base_width`, and for `base_width` with other
            random numbers twice; or the model at `base_width` itself.
        base_width: width to which all width multipliers are relative, usually the proxies'.
        delta: the model at any other width, where `build` is a model.
        roles: roles that do not follow from layers and shapes, by parameter name or pattern.
        blocks: patterns of tensors in residual blocks, of which depth adds more.
        device: device on which `build` makes its two models. On `meta` they take no memory, but
            starts that the model gives its own tensors, such as zeros, are not seen.

    Raises:
        ValueError: if the two models differ in more than width, or a tensor has no rule: with
            what to declare.

    """
    if isinstance(build, nn.Module):
        if delta is None:
            raise ValueError(
                "delta is missing: give the same model at another width, or a function that builds"
                " the model of a width in place of the model"
            )
        return derive_model_shape(build, delta, base_width, roles=roles, blocks=blocks)
    if delta is not None:
        raise ValueError("delta goes with a model; a function builds both of its own")
    base, wider = _built(build, base_width, device), _built(build, 2 * base_width, device)
    fixed = fixed_starts(base, _built(build, base_width, device, seed=_OTHER_SEED))
    return derive_model_shape(
        base.model, wider.model, base_width, roles=roles, blocks=blocks, fixed=fixed
    )


def check(  # noqa: PLR0913  # what is checked, and one keyword per choice
    build: Build,
    loss: Loss,
    batch: Batch,
    *,
    base_width: int,
    widths: Sequence[int] = (),
    optimizer: str = "adamw",
    seeds: Sequence[int] = (),
    roles: Roles | None = None,
    blocks: Iterable[str] = (),
    policies: Policies = DEFAULT_POLICIES,
) -> CheckVerdict:
    """Train a few steps at several widths, and check that tensors move activations alike at all.

    A passed check is necessary for the learning rate to transfer, not sufficient.

    Args:
        build: the model of a width.
        loss: of the model on one batch, a scalar.
        batch: of a seed and a step, equal at every width.
        base_width: as in `shape`.
        widths: three or more; default: the base width, and 2, 4 and 8 times it.
        seeds: four or more; default: 4 or 8, by the optimizer, and up to 16 while slopes
            leave it undecided.
        roles: as in `shape`.
        blocks: as in `shape`.
        policies: rules that the numbers under test follow.

    Returns:
        CheckVerdict: `passed` is None if it could not be decided; `summary` has the verdict in
        words, `tensors` that of each tensor.

    Raises:
        ValueError: as `shape`.

    """
    base = shape(build, base_width, roles=roles, blocks=blocks)
    numbers = check_hyperparameters(optimizer)

    def scalings(width: int) -> tuple[TensorScaling, ...]:
        ratio = Multipliers(width / base_width)
        return scale(base, numbers, ratio, optimizer=optimizer, policies=policies)

    return check_width(
        lambda width: CheckedTraining(partial(build, width), loss, batch),
        scalings,
        base,
        optimizer=optimizer,
        widths=widths or tuple(base_width * times for times in (1, 2, 4, 8)),
        seeds=seeds or range(check_seeds(optimizer)),
        policies=policies,
        most_seeds=0 if seeds else MOST_SEEDS,
    )


def check_depths(  # noqa: PLR0913  # likewise
    build: BuildDeep,
    loss: Loss,
    batch: Batch,
    *,
    base_width: int,
    depths: Sequence[int],
    optimizer: str = "adamw",
    roles: Roles | None = None,
    blocks: Iterable[str] = (),
    policies: Policies = DEFAULT_POLICIES,
) -> CheckVerdict:
    """As `check`, over the depths of a model of the base width.

    Args:
        build: the model of a width and, by keyword, a depth.
        depths: three or more, the proxies' first.

    Raises:
        ValueError: as `shape`, and if no tensor is marked as in a block.

    """

    def deeper(depth: int) -> Multipliers:
        return Multipliers(depth=depth / depths[0])

    @cache
    def shape_of(depth: int) -> ModelShape:
        return shape(partial(build, depth=depth), base_width, roles=roles, blocks=blocks)

    def scalings(depth: int) -> tuple[TensorScaling, ...]:
        numbers = check_hyperparameters(optimizer)
        return scale(
            shape_of(depth), numbers, deeper(depth), optimizer=optimizer, policies=policies
        )

    def built(depth: int) -> nn.Module:
        model = build(base_width, depth=depth)
        factor = residual_multiplier(policies.depth_rule, policies.alpha, deeper(depth).depth)
        set_residual_multipliers(model, factor)
        return model

    return check_depth(
        lambda depth: CheckedTraining(partial(built, depth), loss, batch),
        scalings,
        shape_of,
        optimizer=optimizer,
        depths=depths,
        seeds=range(check_seeds(optimizer)),
    )


def _built(build: Build, width: int, device: str, seed: int | None = None) -> Built:
    """The model of a width; the caller's random generator stays as it is."""
    with torch.random.fork_rng(devices=[]), torch.device(device):
        if seed is not None:
            torch.manual_seed(seed)
        return Built(build(width), torch.get_rng_state())
