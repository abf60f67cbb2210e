"""Records of a model's dynamics in training: curvature, noise of gradients, edge of stability."""

from parametrization.recommendation.declared_names import OptimizerName
from parametrization.recommendation.record import Record


class Look(Record):
    """Measurements after some number of updates, on batches of the data."""

    step: int
    """Updates done."""
    loss: float
    """Of the examples that the curvature is of."""
    hessian: tuple[float, ...]
    """Largest eigenvalues, descending by their signs."""
    residual: float
    """Of the worst of them: the distance to the nearest eigenvalue is no larger."""
    gauss_newton: tuple[float, ...] = ()
    """Likewise of the Gauss-Newton matrix; empty where the loss does not tell model and data apart,
    as own tasks' do not."""
    edge: float | None = None
    """The largest eigenvalue of Hessian times rates, over the most that is stable: 1 is the
    edge of stability. Null for optimizers whose edge is not known."""
    gradient_square: float
    """|G|^2 of the true gradient, without bias; may come out negative under strong noise."""
    noise_trace: float
    """Trace of the covariance of one example's gradient."""


class Landscape(Record):
    """The loss on a plane through the trained weights, along two eigenvectors of the Hessian."""

    offsets: tuple[float, ...]
    """Along either eigenvector, of norm 1; 0 is in the middle."""
    losses: tuple[tuple[float | None, ...], ...]
    """By the offset along the first, then along the second; null where not finite."""


class WidthDynamics(Record):
    """One model's training, looked at from its start to its end."""

    optimizer: OptimizerName
    width: int
    batch_size: int
    learning_rate: float
    """At the base."""
    looks: tuple[Look, ...] = ()
    landscape: Landscape | None = None
    """At the last look."""
    problem: str | None = None
    """The reason that looks are missing; null if none is."""


class StudyDynamics(Record):
    """Training dynamics of a study's winners, as far as they were measured."""

    trainings: tuple[WidthDynamics, ...] = ()


class CriticalBatch(Record):
    """The batch from which on a larger one saves few updates, at one width."""

    width: int
    examples: float


class DynamicsFindings(Record):
    """Consequences for a target of the dynamics measured at the winner."""

    critical_batches: tuple[CriticalBatch, ...]
    """From the second half of training; widths without one saw no gradient beyond its noise."""
    critical_batch: float | None
    """The median over widths, in examples."""
    batch_size: int | None
    """The power of two next to it: what to train the target with, or somewhat more, since the
    critical batch grows as the loss falls."""
    edge: float | None
    """Of the median look after the first quarter of training, at the width where that is largest:
    the edge is where curvature comes to rest, and single looks go far beyond it."""
    edge_width: int | None
    edge_step: int | None
    """Updates done at that look."""
    words: tuple[str, ...]
