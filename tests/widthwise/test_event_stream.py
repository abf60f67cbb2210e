"""Server-sent events as text."""

import json

from hypothesis import given
from hypothesis import strategies as st

from widthwise.event_stream import SIGN_OF_LIFE, Event, parse_events

KINDS = st.sampled_from(["study.state", "trial.state", "trial.progress"])
DATA = st.dictionaries(st.text(), st.one_of(st.none(), st.integers(), st.text()), max_size=3)


@given(st.lists(st.tuples(st.integers(min_value=0), KINDS, DATA)))
def test_what_is_sent_is_what_is_read(sent: list[tuple[int, str, dict[str, object]]]) -> None:
    lines = [
        line
        for number, kind, data in sent
        for line in (f"id: {number}", f"event: {kind}", f"data: {json.dumps(data)}", "")
    ]
    assert [(int(e.id), e.kind, e.data) for e in parse_events(lines)] == sent


def test_a_stream_that_breaks_off_within_an_event_does_not_tell_it() -> None:
    lines = ["id: 1", "event: study.state", "data: {}", "", "id: 2", "event: study.state"]
    assert [event.id for event in parse_events(lines)] == ["1"]


def test_a_comment_is_a_sign_of_life_and_ends_no_event() -> None:
    lines = ["id: 1", ": ping", "data: {}", ""]
    assert list(parse_events(lines)) == [SIGN_OF_LIFE, Event("1", "message", {})]


def test_data_over_several_lines_is_one_document() -> None:
    assert next(parse_events(['data: {"a":', "data: 1}", ""])).data == {"a": 1}
