"""Train one trial from its start and look at it: curvature, noise of gradients, edge, landscape."""

import copy
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from parametrization.nn.check.seeding import seed_globals
from parametrization.nn.dynamics.curvature import Curvature, Matrix
from parametrization.nn.dynamics.edges import applied_rates
from parametrization.nn.dynamics.lanczos import Eigenpairs
from parametrization.nn.dynamics.noise_scale import NoiseScale, noise_scale
from parametrization.recommendation.dynamics import Landscape, Look, WidthDynamics
from tuner.engine.orders import DynamicsOrder
from tuner.spec.dynamics.asked import LANDSCAPE_SIDE, MOST_PRODUCTS, Dynamics
from tuner.spec.families.model_family import ModelFamily
from workers.datasets.data import Batch
from workers.device.heartbeat import alive
from workers.training.objective import Loss, objective
from workers.training.trainer import train_to
from workers.training.trial import RunningTrial, new_trial


def dynamics(order: DynamicsOrder, device: str) -> WidthDynamics:
    """Train the order's trial, and look at it after so many updates as were asked for."""
    spec = order.trial
    trial = new_trial(spec, device)
    found = WidthDynamics(
        optimizer=spec.optimizer,
        width=spec.model.width,
        batch_size=spec.training.batch_size,
        learning_rate=spec.hyperparameters["learning_rate"],
    )
    looks: list[Look] = []
    for step in order.asked.steps_of(spec.training.steps):
        if train_to(trial, step).diverged_at is not None:
            words = f"training diverged after {trial.step} of {spec.training.steps} updates"
            return found.model_copy(update={"looks": tuple(looks), "problem": words})
        look, top = _look(trial, order.asked)
        looks.append(look)
    landscape = _landscape(_whole_loss(trial, order.asked), top, look.loss)
    return found.model_copy(update={"looks": tuple(looks), "landscape": landscape})


class _WholeLoss(nn.Module):
    """The training loss of a batch, as a module whose parameters are the model's.

    In evaluation mode: a look changes nothing, and draws the same random numbers at every call.
    """

    def __init__(self, model: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.model = model
        self.loss = loss

    def forward(self, batch: Batch) -> Tensor:
        alive()
        seed_globals(0)
        return self.loss(self.model, batch)


def _whole_loss(trial: RunningTrial, asked: Dynamics) -> Curvature:
    """Curvature of the whole loss of the examples asked for, in the trial's weights."""
    model = copy.deepcopy(trial.model).eval()
    whole = _WholeLoss(model, objective(trial.spec.model.family).training)
    batch = _batch(trial, trial.step, asked.examples)
    return Curvature(whole, batch, batch.targets, lambda outputs, _targets: outputs)


def _look(trial: RunningTrial, asked: Dynamics) -> tuple[Look, Eigenpairs]:
    with sdpa_kernel(SDPBackend.MATH):  # the others have no second derivative
        whole = _whole_loss(trial, asked)
        top = whole.largest(Matrix.HESSIAN, asked.eigenvalues, most_products=MOST_PRODUCTS)
        gauss_newton = _gauss_newton(trial, asked)
        edge = _edge(trial, whole)
    noise = _noise(trial, asked)
    with torch.no_grad():
        loss = whole.model(whole.inputs).item()
    look = Look(
        step=trial.step,
        loss=loss,
        hessian=tuple(top.values.tolist()),
        residual=top.residuals.max().item(),
        gauss_newton=gauss_newton,
        edge=edge,
        gradient_square=noise.gradient_square,
        noise_trace=noise.noise_trace,
    )
    numbers = (loss, *look.hessian, *gauss_newton, look.residual, noise.noise_trace, edge or 0.0)
    if not all(map(math.isfinite, numbers)):
        raise FloatingPointError(f"the curvature after {trial.step} updates is not finite")
    return look, top


def _batch(trial: RunningTrial, step: int, examples: int) -> Batch:
    return trial.data.batch(trial.spec.seed, step, examples).on(trial.device)


def _gauss_newton(trial: RunningTrial, asked: Dynamics) -> tuple[float, ...]:
    """The largest eigenvalues; none for families whose loss needs more than outputs and targets."""
    family = trial.spec.model.family
    plain = ModelFamily.objective, ModelFamily.training_loss
    if (family.objective, family.training_loss) != plain:
        return ()
    model, batch = copy.deepcopy(trial.model).eval(), _batch(trial, trial.step, asked.examples)
    curvature = Curvature(model, batch.inputs, batch.targets, _by_prediction)
    found = curvature.largest(Matrix.GAUSS_NEWTON, asked.eigenvalues, most_products=MOST_PRODUCTS)
    return tuple(found.values.tolist())


def _by_prediction(outputs: Tensor, targets: Tensor) -> Tensor:
    """The losses whose mean `batch_loss` is."""
    if targets.is_floating_point():
        return functional.mse_loss(outputs, targets, reduction="none")
    return functional.cross_entropy(outputs.flatten(0, -2), targets.flatten(), reduction="none")


def _edge(trial: RunningTrial, whole: Curvature) -> float | None:
    """Distance from the edge at the rates of the last update, which the groups still have."""
    applied = applied_rates(trial.optimizer)
    if applied is None:
        return None
    names = {id(parameter): name for name, parameter in trial.model.named_parameters()}
    rates = {f"model.{names[key]}": rate for key, rate in applied.rates.items()}
    return whole.edge(rates, most_products=MOST_PRODUCTS) / applied.stands


def _noise(trial: RunningTrial, asked: Dynamics) -> NoiseScale:
    """Noise scale from training batches, those that come next first."""
    size = trial.spec.training.batch_size
    model = copy.deepcopy(trial.model)
    loss = objective(trial.spec.model.family).training
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]

    def gradients() -> Iterator[Tensor]:
        for at in range(asked.noise_batches):
            alive()
            seed_globals(at)
            value = loss(model, _batch(trial, trial.step + at, size))
            found = torch.autograd.grad(value, trained, allow_unused=True)
            yield torch.cat(
                [
                    torch.zeros_like(p).reshape(-1) if g is None else g.reshape(-1)
                    for p, g in zip(trained, found, strict=True)
                ]
            )

    return noise_scale(gradients(), size)


def _landscape(whole: Curvature, top: Eigenpairs, loss: float) -> Landscape | None:
    """Losses on the plane of the two sharpest directions, until a quadratic would double."""
    sharpest = top.values.abs().max().item()
    if sharpest <= 0 or not loss > 0 or len(top.values) < 2:
        return None
    reach = math.sqrt(2 * loss / sharpest)
    offsets = [reach * (2 * at / (LANDSCAPE_SIDE - 1) - 1) for at in range(LANDSCAPE_SIDE)]
    trained = [p for p in whole.model.parameters() if p.requires_grad]
    first, second = (_pieces(top.vectors[:, at], trained) for at in (0, 1))
    with torch.no_grad():
        middle = [p.clone() for p in trained]

        def at(a: float, b: float) -> float | None:
            for p, m, u, v in zip(trained, middle, first, second, strict=True):
                p.copy_(m + a * u + b * v)
            value = whole.model(whole.inputs).item()
            return float(f"{value:.6g}") if math.isfinite(value) else None

        rows = tuple(tuple(at(a, b) for b in offsets) for a in offsets)
    return Landscape(offsets=tuple(offsets), losses=rows)


def _pieces(vector: Tensor, like: list[nn.Parameter]) -> list[Tensor]:
    parts = torch.split(vector, [p.numel() for p in like])
    return [part.view_as(p) for part, p in zip(parts, like, strict=True)]
