"""The rules as tables for readers: `python -m parametrization.optimizers.document docs/rules.md`.

Replaces what stands between the two markers of that file.
"""

import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from parametrization.optimizers.lookup import HYPERPARAMETER_ROWS, WIDTH_ROWS
from parametrization.optimizers.registry import BUILT_IN
from parametrization.rules.depth import DEPTH_ROWS, DepthRule
from parametrization.rules.horizon import HorizonRule, Powers
from parametrization.rules.not_per_tensor import NON_TENSOR_ROWS
from parametrization.rules.policies import Policies
from parametrization.rules.policy_sources import CHOICES
from parametrization.rules.row import Evidence, Refusal, Row, Rows
from parametrization.shapes.roles import Role
from parametrization.text.markdown import between, table

BEGIN: Final = "<!-- tables: begin, written by parametrization.optimizers.document -->"
END: Final = "<!-- tables: end -->"


def rendered() -> str:
    """All tables in Markdown."""
    sections = (
        ("Width", _width()),
        ("Further hyperparameters in width", _others()),
        ("Depth", _depth()),
        ("Batch and tokens", _horizon()),
        ("Policies", _policies()),
        ("Hyperparameters of no tensor", _non_tensor()),
    )
    return "\n".join(f"## {title}\n\n{body}" for title, body in sections)


def with_tables(document: str) -> str:
    """The document with its tables replaced by the present ones.

    Raises:
        ValueError: if a marker is missing.

    """
    return between(document, BEGIN, END, rendered())


def _graded(evidence: Evidence) -> list[str]:
    source = f"{evidence.source} ({evidence.note})" if evidence.note else evidence.source
    return [evidence.basis or "-", evidence.confidence or "-", source]


def _power(name: str, exponent: float) -> str:
    if exponent == 0:
        return ""
    return name if exponent == 1 else f"{name}^{exponent:g}"


def _product(factors: Mapping[str, float]) -> str:
    """Powers in words, `1` where there is none."""
    return " ".join(filter(None, (_power(n, e) for n, e in factors.items()))) or "1"


def _width() -> str:
    blocks = []
    for names, rows in _alike().items():
        title = ", ".join(f"`{name}`" for name in names)
        alike = [BUILT_IN[name] for name in names]
        degree = ", ".join(sorted({str(one.step.degree) for one in alike}))
        built_in = (
            " Rates are for the bare step: the growth of the factor that the optimizer multiplies"
            " by itself is divided out of the rate and multiplied into the decay."
            if any(one.bare_factor for one in alike)
            else ""
        )
        drawn = _width_table(rows, frozenset().union(*(one.hyperparameters for one in alike)))
        blocks.append(f"### {title}\n\nDegree {degree}.{built_in}\n\n{drawn}{_refusals(rows)}")
    return "\n".join([*blocks, *_by_policy()])


def _by_policy() -> Iterator[str]:
    """Tables that are in force where a policy makes another choice than its default."""
    for name, declaration in BUILT_IN.items():
        if declaration.policy_rows is None:
            continue
        policy, by_choice = declaration.policy_rows
        for choice, rows in by_choice.items():
            drawn = _width_table(rows, frozenset(declaration.hyperparameters))
            yield f"### `{name}` with {policy} `{choice}`\n\n{drawn}"


def _width_table(rows: Rows, takes: frozenset[str]) -> str:
    columns = ["role", "initial std", "forward", "rate", "epsilon", "weight decay"]
    return table(
        [*columns, "basis", "confidence", "source"],
        (_width_row(role, row, takes) for role, row in rows.items() if isinstance(row, Row)),
    )


def _alike() -> dict[tuple[str, ...], Rows]:
    """Optimizers by equal rows, evidence included."""
    groups: list[tuple[list[str], Rows]] = []
    for optimizer in BUILT_IN:
        rows = WIDTH_ROWS[optimizer]
        same = next((names for names, other in groups if other == rows), None)
        if same is None:
            groups.append(([optimizer], rows))
        else:
            same.append(optimizer)
    return {tuple(names): rows for names, rows in groups}


def _width_row(role: Role, row: Row, takes: frozenset[str]) -> list[str]:
    rule = row.scaling
    return [
        role.value,
        _product({"m_in": rule.init_std}),
        _product({"m_in": rule.multiplier}),
        _product({"m_in": rule.lr_in, "m_out": rule.lr_out}),
        _product({"m_in": rule.eps_in, "m_out": rule.eps_out}) if "epsilon" in takes else "none",
        _product({"m_in": rule.wd_in, "m_out": rule.wd_out}) if "weight_decay" in takes else "none",
        *_graded(row.evidence),
    ]


def _refusals(rows: Rows) -> str:
    refused: dict[tuple[str, str], list[Role]] = {}
    for role, row in rows.items():
        if isinstance(row, Refusal):
            refused.setdefault((row.reason, row.remedy), []).append(role)
    return "".join(
        f"\nRefused for {', '.join(roles)}: {reason}; {remedy}.\n"
        for (reason, remedy), roles in refused.items()
    )


def _others() -> str:
    return table(
        ["optimizer", "hyperparameter", "role", "factor", "basis", "confidence", "source"],
        (
            [
                f"`{optimizer}`",
                f"`{name}`",
                role.value,
                _product({"m_in": x_in, "m_out": x_out}),
                *_graded(row.evidence),
            ]
            for (optimizer, name), row in HYPERPARAMETER_ROWS.items()
            if optimizer in BUILT_IN
            for role, (x_in, x_out) in row.exponents.items()
        ),
    )


def _depth() -> str:
    drawn = table(
        ["rule", "degree", "branch", "rate in blocks", "gradient", "basis", "confidence", "source"],
        (
            [
                f"`{rule}`",
                str(degree),
                "mL^-alpha",
                f"mL^({row.rate_of_alpha:g} alpha {row.rate_at_zero:+g})",
                f"mL^({row.gradient_of_alpha:g} alpha)",
                *_graded(row.evidence),
            ]
            for rule, rows in DEPTH_ROWS.items()
            if rule is not DepthRule.NONE
            for degree, row in sorted(rows.items())
        ),
    )
    return (
        "Inside residual blocks alone; alpha is 1/2 for `depth-mup`. Epsilon follows the gradient,"
        " squared where it is added to squares; weight decay is divided by the rate's factor. A"
        f" model without residual branches has no depth rule.\n\n{drawn}"
    )


def _horizon() -> str:
    columns = ["rule", "optimizers", "rate", "weight decay", "epsilon", "1 - beta", "tokens"]
    return table(
        [*columns, "basis", "confidence", "source"],
        (line for rule in HorizonRule if rule is not HorizonRule.NONE for line in _lines(rule)),
    )


def _lines(rule: HorizonRule) -> Iterator[list[str]]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for optimizer, declaration in BUILT_IN.items():
        if rule not in declaration.horizon:
            continue
        row = declaration.horizon[rule]
        factors = (row.rate, row.weight_decay, row.epsilon, row.memory)
        tokens = "any" if row.covers_tokens else "equal"
        key = (*(_of(powers) for powers in factors), tokens, *_graded(row.evidence))
        groups.setdefault(key, []).append(f"`{optimizer}`")
    for key, optimizers in groups.items():
        yield [f"`{rule}`", ", ".join(optimizers), *key]


def _of(powers: Powers) -> str:
    return _product({"kB": powers.batch, "kD": powers.tokens})


def _policies() -> str:
    defaults = Policies().choices

    def line(name: str, choice: StrEnum) -> list[str]:
        found = CHOICES[name][choice]
        mark = f"`{choice}` (default)" if defaults[name] == choice else f"`{choice}`"
        return [f"`{name}`", mark, str(found.version), found.words, *_graded(found.evidence)]

    return table(
        ["policy", "choice", "version", "what it does", "basis", "confidence", "source"],
        (line(name, choice) for name, choices in CHOICES.items() for choice in choices),
    )


def _non_tensor() -> str:
    return table(
        ["hyperparameter", "rule", "basis", "confidence", "source"],
        ([row.hyperparameter, row.rule, *_graded(row.evidence)] for row in NON_TENSOR_ROWS),
    )


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_tables(path.read_text()))
