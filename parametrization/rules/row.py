"""A row of the width rules: exponents, their source, and the grade of its evidence."""

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from parametrization.shapes.roles import Role


class Scaling(NamedTuple):
    """Exponents of one row; a factor is m_in ** x_in * m_out ** x_out.

    m is 1 along a dimension that does not grow. A bias or gain has a fan-out and no fan-in.
    """

    init_std: float  # of m_in; relative to the base width's standard deviation
    multiplier: float  # of m_in; on the layer's output
    lr_in: float
    lr_out: float
    eps_in: float = 0.0
    eps_out: float = 0.0
    wd_in: float = 0.0  # on the decay that torch multiplies by the learning rate
    wd_out: float = 0.0


class Evidence(NamedTuple):
    """Grade of the evidence for a number.

    Attributes:
        label: short form of the source, for the reason that goes with every scaled tensor.
        basis: letters of T (theory), E (tested in the literature), V (verified by this project's
            own measurements) and D (derived here, no published test).
        confidence: H, M or L.

    """

    label: str
    source: str
    basis: str
    confidence: str
    note: str = ""

    def graded(self, basis: str, confidence: str, note: str = "") -> "Evidence":
        """The same source with another grade."""
        return self._replace(basis=basis, confidence=confidence, note=note)


class Row(NamedTuple):
    """A rule for one optimizer and role."""

    scaling: Scaling
    evidence: Evidence


class Refusal(NamedTuple):
    """No rule, with the reason and the remedy."""

    reason: str
    remedy: str
    evidence: Evidence


Rows: TypeAlias = Mapping[Role, Row | Refusal]


class HyperparameterRow(NamedTuple):
    """Width rule of a hyperparameter beside rate, weight decay and epsilon.

    Attributes:
        exponents: of m_in and of m_out, by role; roles that are not listed keep the number.
        gradient_power: the number is of the gradient's size to this power, in depth as well.
        size_power: and of the tensor's own size to this one.
        is_rate: True if the number sets the length of a step.
        is_ratio: of two rates, of steps of two degrees: no epsilon policy concerns it.

    """

    exponents: Mapping[Role, tuple[float, float]]
    evidence: Evidence
    gradient_power: float = 0
    size_power: int = 0
    is_rate: bool = False
    is_ratio: bool = False


def labelled(rows: Rows, evidence: Evidence) -> dict[Role, Row | Refusal]:
    """Rows of one optimizer taken over for another one, on that one's evidence."""
    return {role: row._replace(evidence=evidence) for role, row in rows.items()}


def without(rows: Rows, *columns: str) -> dict[Role, Row | Refusal]:
    """Rows with the named columns set to zero, for an optimizer whose rule does not scale them.

    Args:
        columns: `lr`, `eps` or `wd`, each for both dimensions.

    """
    zeros = {f"{column}_{side}": 0.0 for column in columns for side in ("in", "out")}
    return {
        role: row._replace(scaling=row.scaling._replace(**zeros)) if isinstance(row, Row) else row
        for role, row in rows.items()
    }
