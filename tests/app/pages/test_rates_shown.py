"""Every learning rate in every form of a recommendation is that of the tensors it is said to be."""

import ast
import re
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from app.dashboard.review.summary import summary_of
from app.dashboard.templating import page
from app.dashboard.words import weakest_point
from app.schemas.studies import study_read
from app.standings.standing import standing_of
from parametrization.optimizers.registry import STUDIED
from parametrization.text.rounding import significant
from tests.app.counted import progress_of
from tests.tuner.builders import NOW
from tests.tuner.recommendation.answers import recommend
from tests.tuner.recommendation.targets import TOKENS, known, led_by
from tuner.recommendation.exports.protocol.selectors import by_pattern
from tuner.recommendation.exports.pytorch import as_python
from tuner.recommendation.exports.yaml_form import as_yaml
from tuner.recommendation.recommend import Recommendation
from tuner.records.snapshot import StudySnapshot
from widthwise.cli.recommendation_view import as_text, recommendation_view

TARGETS = st.fixed_dictionaries(
    {},
    optional={
        "width": st.sampled_from([32, 64, 256, 4096]),
        "depth": st.integers(1, 24),
        "batch_size": st.integers(1, 512),
        "tokens": st.integers(TOKENS // 16, TOKENS * 10**4),
    },
)


@settings(deadline=None, max_examples=30)
@given(optimizer=st.sampled_from(list(STUDIED)), target=TARGETS)
def test_every_rate_in_every_form_agrees_with_the_groups(
    optimizer: str, target: dict[str, Any]
) -> None:
    study = led_by(optimizer)
    answer = recommend(study, **target)

    groups_agree_with_tensors(answer)
    assert as_said(answer) <= set(re.findall(r"[\d.e+-]+(?= \()", rates_in(answer.headline)))
    text, pages = terminal(answer), html(study, answer)
    for form in (text, pages):
        assert rates_in(form) == rates_in(answer.headline)
    assert yaml.safe_load(as_yaml(answer)) == answer.model_dump(mode="json")
    for tensor in answer.tensors:
        assert row_of(tensor.pattern, text) >= {shown(answer, tensor.learning_rate)}
    rows = re.findall(r'<th scope="row">(\w+)</th><td class="n">([^<]+)</td>', pages)
    assert rows[: len(answer.groups)] == [
        (group.role, shown(answer, group.learning_rate)) for group in answer.groups
    ]
    snippet_agrees(answer)


def test_the_base_rate_is_nowhere_that_of_a_target_that_batch_and_tokens_move() -> None:
    study = known()
    answer = recommend(study, batch_size=64, tokens=64 * TOKENS)
    base = shown(answer, answer.learning_rate.value)
    forms = html(study, answer), as_python(answer), terminal(answer), weakest_point(answer)
    text = "\n".join(forms)

    assert base not in {shown(answer, group.learning_rate) for group in answer.groups}
    said = re.findall(rf"(?<![\d.]){re.escape(base)}(?!\d)([^<\n]{{0,12}})", text)
    assert said
    assert {words.split(" (")[0].strip() for words in said} == {"at the base"}


def groups_agree_with_tensors(answer: Recommendation) -> None:
    peaks = {
        (pattern, group.role, group.learning_rate)
        for group in answer.groups
        for pattern in group.patterns
    }
    assert peaks == {(t.pattern, t.role, t.learning_rate) for t in answer.tensors}
    drawn = answer.groups[answer.schedule.group].learning_rate
    assert all(at.learning_rate == at.factor * drawn for at in answer.schedule.preview)


def snippet_agrees(answer: Recommendation) -> None:
    """The snippet's table holds every digit, its heading the headline."""
    text = as_python(answer)
    assert rates_in(text.replace("\n#   ", " ")) == rates_in(answer.headline)
    table = re.search(r"^TENSORS = (\{.*?^\})", text, re.DOTALL | re.MULTILINE)
    assert table is not None
    rates = {name: numbers[3] for name, numbers in ast.literal_eval(table[1]).items()}
    assert rates == {row.pattern: row.learning_rate for row in by_pattern(answer.tensors)}


def shown(answer: Recommendation, rate: float) -> str:
    return significant(rate, answer.learning_rate.digits)


def as_said(answer: Recommendation) -> set[str]:
    return {shown(answer, group.learning_rate) for group in answer.groups}


def rates_in(text: str) -> str:
    """The target's rates as a headline lists them, from any form that has it."""
    found = re.search(
        r"peak learning rates ((?:[\d.e+-]+ \([^)]*\)(?:, )?)+)", " ".join(text.split())
    )
    assert found is not None, text
    return found[1].strip().removesuffix(",")


def row_of(pattern: str, text: str) -> set[str]:
    line = next(line for line in text.splitlines() if line.startswith(pattern))
    return set(line.split())


def terminal(answer: Recommendation) -> str:
    return as_text(recommendation_view(answer))


def html(snapshot: StudySnapshot, answer: Recommendation) -> str:
    progress = progress_of(snapshot, NOW)
    names: dict[str, Any] = {
        "study": study_read(snapshot.study, progress, None),
        "standing": standing_of(snapshot.study, progress, answer.verdict),
        "recommendation": answer,
        "summary": summary_of(answer, ()),
        "sweep": None,
        "actions": (),
        "may_share": False,
    }
    parts = [page(f"study_{part}.html", **names) for part in ("recommendation", "header")]
    return re.sub(r"\n+", "\n", "\n".join(bytes(part.body).decode() for part in parts))
