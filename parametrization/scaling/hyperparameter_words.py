"""Words on the change of one hyperparameter in the target, with the sources of the rules used.

Every optimizer that trains tensors of the model has a clause of its own: a matrix optimizer and the
AdamW beside it follow different rows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from parametrization.optimizers.registry import declared
from parametrization.rules.parametrization import Parametrization
from parametrization.rules.policies import Policies
from parametrization.scaling.companions import assignment_of, by_optimizer, own_name
from parametrization.scaling.growth import (
    RATE_TIMES_DECAY,
    AxisName,
    growth,
    policies_of,
    sources,
    spoken,
)
from parametrization.scaling.multipliers import Multipliers
from parametrization.scaling.tensor_rules import TensorRules, rules_of
from parametrization.shapes.roles import ModelShape, Role, TensorShape


class Explanation(NamedTuple):
    """Explanation of a hyperparameter.

    Attributes:
        source: the papers, tables or measurements behind the words.
        moves: axes beside width that change it.

    """

    words: str
    source: str
    moves: frozenset[AxisName] = frozenset()


@dataclass(frozen=True, slots=True)
class Setting:
    """A model with what trains it, at the base, and how far away the target is.

    Attributes:
        lead: the optimizer that the study names.
        hyperparameters: at the base, as one flat mapping.

    """

    shape: ModelShape
    lead: str
    hyperparameters: Mapping[str, float]
    policies: Policies
    mults: Multipliers

    def reached(self, name: str) -> dict[tuple[str, str], list[TensorRules]]:
        """Unlike tensors that a hyperparameter reaches, by optimizer and its own name for it.

        The lead comes first.
        """
        assignment = assignment_of(self.lead)
        found: dict[tuple[str, str], list[TensorRules]] = {}
        for tensor in dict.fromkeys(replace(one, name="") for one in self.shape.tensors):
            optimizer = assignment.optimizer_of(tensor)
            own = own_name(self.lead, name, optimizer)
            if own is not None and _has(tensor, own):
                at = rules_of(tensor, optimizer, Parametrization.MUP, self.policies, self.mults)
                found.setdefault((optimizer, own), []).append(at)
        return dict(sorted(found.items(), key=lambda item: item[0][0] is not self.lead))

    def explained(self, name: str, axes: Iterable[AxisName]) -> Explanation:
        """Explanation of a hyperparameter over width, and over other axes that change it."""
        clauses: list[str] = []
        cited: dict[str, list[str]] = {}
        moves: set[AxisName] = set()
        axes = tuple(axes)
        for (optimizer, own), of_tensors in self.reached(name).items():
            for axis in axes:
                if axis != "width":
                    if not self._moves(of_tensors, optimizer, own, axis):
                        continue
                    moves.add(axis)
                clauses += _clauses(of_tensors, own, axis)
                of_optimizer = cited.setdefault(declared(optimizer).spoken, [])
                of_optimizer += (one for at in of_tensors for one in sources(at, own, axis))
        return Explanation("; ".join(clauses), cite(cited), frozenset(moves))

    def _moves(
        self, of_tensors: Sequence[TensorRules], optimizer: str, own: str, axis: AxisName
    ) -> bool:
        if getattr(self.mults, axis) == 1:
            return False
        if own in of_tensors[0].horizon.remembers:
            beta = by_optimizer(self.lead, self.hyperparameters)[optimizer][own]
            if beta == 0:
                return False  # an average over the newest value alone stays one
        names = (own, RATE_TIMES_DECAY) if own == "weight_decay" else (own,)
        factors = (growth(at, name, axis).factor for at in of_tensors for name in names)
        return any(factor not in (0.0, 1.0) for factor in factors)


def cite(by_optimizer: Mapping[str, Sequence[str]]) -> str:
    """Sources, by optimizer where several differ.

    >>> cite({"Muon": ["A", "A"], "AdamW": ["B"]})
    'Muon: A; AdamW: B'
    >>> cite({"Muon": ["A"], "AdamW": ["A"]})
    'A'
    """
    cited = {name: "; ".join(dict.fromkeys(found)) for name, found in by_optimizer.items()}
    if len(set(cited.values())) == 1:
        return next(iter(cited.values()))
    return "; ".join(f"{name}: {found}" for name, found in cited.items())


def _has(tensor: TensorShape, own: str) -> bool:
    """True if the tensor has the number that a hyperparameter sets."""
    if own == "init_std":
        return tensor.base_std is not None
    return own != "output_multiplier" or tensor.role is Role.OUTPUT or tensor.tied


def _clauses(of_tensors: Sequence[TensorRules], own: str, axis: AxisName) -> Iterator[str]:
    name = f"{of_tensors[0].optimizer.spoken} {spoken(of_tensors[0], own, axis)}"
    yield f"{name} {_by_role(of_tensors, own, axis)}{_policy_words(of_tensors, own, axis)}"
    if own == "weight_decay":
        optimizer = of_tensors[0].optimizer.spoken
        yield f"{optimizer} {RATE_TIMES_DECAY} {_by_role(of_tensors, RATE_TIMES_DECAY, axis)}"


def _by_role(of_tensors: Sequence[TensorRules], own: str, axis: AxisName) -> str:
    """Behaviours with the roles that have them; no roles where all behave alike."""
    roles: dict[str, dict[str, None]] = {}
    for at in of_tensors:
        roles.setdefault(growth(at, own, axis).words(axis), {})[_label(at, axis)] = None
    if len(roles) == 1:
        return next(iter(roles))
    return ", ".join(f"{words} ({', '.join(of)})" for words, of in roles.items())


def _label(rules: TensorRules, axis: AxisName) -> str:
    if axis == "depth" and rules.tensor.in_block:
        return f"{rules.tensor.role} in blocks"
    if "embedding_lr_rule" in policies_of(rules, "learning_rate"):
        return "lookup tables"
    return rules.tensor.role.value


def _policy_words(of_tensors: Sequence[TensorRules], own: str, axis: AxisName) -> str:
    """The choices that a behaviour over width follows from."""
    if axis != "width":
        return ""
    names = dict.fromkeys(name for at in of_tensors for name in policies_of(at, own))
    chosen = of_tensors[0].policies.choices
    return "".join(f", by {name} {chosen[name]}" for name in names)
