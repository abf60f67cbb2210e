"""Format numbers, states and evidence for the pages."""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, get_args

from markupsafe import Markup

from app.schemas.sweeps import SweepRead
from app.standings.words import UNKNOWN, VERDICTS, number, state_words
from parametrization.check.verdict import TensorVerdict
from parametrization.recommendation.document import RecommendationDocument
from parametrization.recommendation.evidence import Optimum, TransferEvidence
from parametrization.recommendation.trust import Axis, Basis
from parametrization.recommendation.values import ParameterGroup, ScheduleValues
from parametrization.rules.parametrization import Parametrization
from parametrization.text.durations import duration
from parametrization.text.rounding import known_digits, percent, share_of_training, significant
from parametrization.text.visible import visible
from tuner.spec.states import RecommendationState

NAME_OF: Final = {
    Parametrization.MUP: "μP",
    Parametrization.SP: "SP",
    Parametrization.SP_EMBEDDING: "SP with μP's embedding rate",
}

_SURENESS: Final = get_args(Basis)
_MOST_NAMES: Final = 3
_TELLING_PERCENT: Final = 0.1
"""Seeds alone move a loss by more."""
_PHASES: Final = {
    "check": "Coordinate check",
    "search": "Search at the proxy width",
    "measure": "Learning-rate grid, μP",
    "confirm": "Further hyperparameters with fresh seeds",
    "axis": "Learning rates at other depths, batches and durations",
    "repeat": "A trial repeated",
    "control": "Learning-rate grid, control",
}
_CHECKS: Final = {
    "passed": "✔",
    "failed": "✖",
    "inconclusive": "?",
    "not_run": "○",
}
DECISIONS: Final = {
    RecommendationState.PENDING: "○ not decided",
    RecommendationState.APPROVED: "✔ approved",
    RecommendationState.REJECTED: "✖ rejected",
}
"""States of stored answers in words."""
_MARKS: Final = {"": "", "recommend": "✔ ", "caution": "⚠ ", "abstain": "✖ "}
_PASSED: Final = {True: "✔ right", False: "✖ wrong", None: "? undecided"}


def signed(value: float | None) -> str:
    """Two decimals and a sign."""
    return UNKNOWN if value is None else _with_sign(value, 2)


def _beside(percents: float) -> str:
    """A loss over another one, in percents of that.

    >>> _beside(-17.62), _beside(0.02)
    ('17.6 % below', 'within 0.1 % of')
    """
    if abs(percents) < _TELLING_PERCENT:
        return "within 0.1 % of"
    return f"{percent(abs(percents))} {'below' if percents < 0 else 'above'}"


def loss(value: float | None) -> str:
    """A loss in a column: always as many digits, so that points stand beneath each other.

    >>> loss(2.0), loss(0.31512)
    ('2.000', '0.3151')
    """
    return UNKNOWN if value is None else f"{value:#.4g}"


def sentence(words: str) -> str:
    """Words as a sentence of their own.

    >>> sentence("the check failed"), sentence("Lower it.")
    ('The check failed.', 'Lower it.')
    """
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith('.') else '.'}"


def few(names: Sequence[str]) -> str:
    """The first names of a list that may be long.

    >>> few(["adamw", "sgd"]), few(["adamw", "sgd", "lion", "lamb", "lars"])
    ('adamw, sgd', 'adamw, sgd and 3 more')
    """
    if len(names) <= _MOST_NAMES:
        return ", ".join(names)
    shown = names[: _MOST_NAMES - 1]
    return f"{', '.join(shown)} and {len(names) - len(shown)} more"


def _with_sign(value: float, decimals: int) -> str:
    """A number with its sign; one that is rounded to zero has none.

    >>> _with_sign(0.03, 1), _with_sign(0.06, 1)
    ('0.0', '+0.1')
    """
    shown = f"{value:+.{decimals}f}"
    return shown.replace("-", "\N{MINUS SIGN}") if float(shown) else shown[1:]


def rate(log2_rate: float) -> str:
    """A learning rate that was tried, at the base width: a number and a power of two."""
    return _power(f"{2.0**log2_rate:.3g} = 2^{log2_rate:.2f}")


def best_rate(optimum: Optimum) -> str:
    """The best learning rate of one width, at the base width, as far as its interval tells."""
    at = optimum.log2_learning_rate
    if at is None:
        return UNKNOWN
    if optimum.status != "measured" or optimum.high_log2_learning_rate is None:
        return f"{optimum.status} ({rate(at)})"
    digits = known_digits(2.0 ** (optimum.high_log2_learning_rate - at) - 1)
    return _power(f"{significant(2.0**at, digits)} = 2^{at:.1f}")


def _power(words: str) -> str:
    return words.replace("^-", "^\N{MINUS SIGN}")


def utc(moment: dt.datetime) -> str:
    """A time of day with its zone."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def transfer_lines(evidence: Mapping[Parametrization, TransferEvidence]) -> list[str]:
    """One sentence per parametrization: how far the optimum moves, and what that costs."""
    return [
        line for rules in NAME_OF if rules in evidence for line in transfer_line(evidence[rules])
    ]


def transfer_line(at: TransferEvidence) -> list[str]:
    """The sentence of one parametrization; none before its drift is known."""
    if at.drift is None:
        return []
    name = NAME_OF[at.parametrization]
    span = at.drift.low_octaves_per_doubling, at.drift.high_octaves_per_doubling
    words = (
        f"{name}: the optimum moves {signed(at.drift.octaves_per_doubling)} octaves per doubling"
        f" of width (90 % interval {signed(span[0])} to {signed(span[1])},"
        f" {at.drift.widths} widths)"
    )
    if at.shift_octaves is not None and at.optima:
        words += (
            f", {signed(at.shift_octaves)} octaves in all from width {at.proxy_width}"
            f" to {at.optima[-1].width}"
        )
    if at.proxy_regret is not None and at.proxy_regret.regret_percent is not None:
        least = "at least " if at.proxy_regret.at_least else ""
        words += (
            f"; the proxy's rate costs {least}{percent(at.proxy_regret.regret_percent)}"
            f" of loss at width {at.optima[-1].width}"
        )
    if (beside := at.asymptotic_penalty) is not None:
        words += (
            f"; at its own best rate its loss is {_beside(beside.percent_at_width)} μP's at width"
            f" {beside.at_width}, {_beside(beside.percent)} it in the limit of wide models"
        )
    return [f"{words}."]


def judged(recommendation: RecommendationDocument) -> str:
    """The rest of an answer's headline, after its verdict."""
    return recommendation.headline.removeprefix(recommendation.verdict.replace("_", " ").upper())


def weakest_point(recommendation: RecommendationDocument) -> str:
    """The main reason against an answer; without one, the axis that it is least sure about."""
    if not recommendation.reasons:
        axis = least_sure(recommendation.axes)
        basis = axis.basis.replace("_", " ")
        return f"Nothing speaks against it. Least sure: {axis.name}, {basis}: {axis.words}."
    lead = "Open so far" if recommendation.verdict == "in_progress" else "Weakest point"
    return f"{lead}: {recommendation.reasons[0].words}."


def least_sure(axes: Sequence[Axis]) -> Axis:
    """The axis whose transfer rests on least."""
    return max(axes, key=lambda axis: (_SURENESS.index(axis.basis), axis.moves, axis.beyond))


def sweep_weakest(sweep: SweepRead) -> str:
    """The main reason against the answer of a table of losses, and the drift of its optimum."""
    said = [f"Weakest point: {sweep.reasons[0].words}."] if sweep.reasons else []
    if sweep.drift is not None:
        moved = signed(sweep.drift.octaves_per_doubling)
        said.append(f"The μP optimum drifts {moved} octaves per doubling of width.")
    return " ".join(said)


def sweep_rate(sweep: SweepRead) -> str:
    """The learning rate that a table of losses says for its target, as the table counts it."""
    assert sweep.learning_rate is not None, "asked for where it is known"
    value, low, high = sweep.learning_rate.value, sweep.learning_rate.low, sweep.learning_rate.high
    digits = known_digits(high / value - 1)
    shown, least, most = (significant(at, digits) for at in (value, low, high))
    return (
        f"learning rate {shown} at width {sweep.target_width:,}, as the table counts it;"
        f" 90 % interval {least} to {most}"
    )


def seen(tensor: TensorVerdict) -> str:
    """A check's words about one tensor, to stand beside its name."""
    return tensor.words.removeprefix(f"{tensor.tensor}: ")


def dotted(name: str) -> Markup:
    """A tensor's name that may be broken after its dots."""
    return Markup(".<wbr>").join(visible(name).split("."))


def coded(words: str) -> Markup:
    """Words in which what stands between backticks is code."""
    parts = visible(words, keep="\n\t").split("`")
    return Markup().join(
        Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts)
    )


def without_routes(words: str) -> str:
    """An answer of the API for somebody in a browser: without the route to ask next.

    >>> without_routes("There is no study 'a': GET /v1/studies lists those there are.")
    "There is no study 'a'."
    """
    return re.sub(r"[:;.,] (?:GET|POST) /v1/\S+ [^.]*\.?$", ".", words)


def schedule_words(schedule: ScheduleValues) -> str:
    """A schedule in fractions of training."""
    return f"{schedule.form.words}, over {schedule.steps:,} steps."


def other_settings(group: ParameterGroup) -> str:
    """The optimizer's further settings of one group."""
    settings = {
        "beta1": group.beta1,
        "beta2": group.beta2,
        "epsilon": group.epsilon,
        "momentum": group.momentum,
        **group.others,
    }
    return ", ".join(f"{name} {value:.3g}" for name, value in settings.items() if value is not None)


FILTERS: Final[dict[str, Callable[..., str]]] = {
    "number": number,
    "loss": loss,
    "few": few,
    "sentence": sentence,
    "significant": significant,
    "percent": percent,
    "share": share_of_training,
    "judged": judged,
    "signed": signed,
    "rate": rate,
    "duration": duration,
    "utc": utc,
    "state": state_words,
    "phase": _PHASES.__getitem__,
    "check": _CHECKS.__getitem__,
    "passed": _PASSED.__getitem__,
    "rules": NAME_OF.__getitem__,
    "verdict": VERDICTS.__getitem__,
    "decision": DECISIONS.__getitem__,
    "mark": _MARKS.__getitem__,
    "weakest_point": weakest_point,
    "sweep_weakest": sweep_weakest,
    "sweep_rate": sweep_rate,
    "seen": seen,
    "dotted": dotted,
    "coded": coded,
    "without_routes": without_routes,
    "schedule": schedule_words,
    "others": other_settings,
}
