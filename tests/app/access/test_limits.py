"""A bucket of requests: whoever empties it waits for exactly as long as it takes to fill."""

from hypothesis import given
from hypothesis import strategies as st

from app.auth.limits import RateLimits


@given(st.integers(1, 1000), st.lists(st.floats(0, 10), max_size=200))
def test_nobody_sends_more_than_a_minutes_requests_beyond_the_rate(
    per_minute: int, pauses: list[float]
) -> None:
    limits, now, sent = RateLimits(), 0.0, 0
    for pause in pauses:
        now += pause
        sent += limits.retry_seconds("key", per_minute, now) is None
    assert sent <= per_minute + now * per_minute / 60 + 1e-6


@given(st.integers(1, 1000), st.integers(0, 100))
def test_who_waits_as_long_as_told_is_let_in(per_minute: int, more: int) -> None:
    limits = RateLimits()
    for _ in range(per_minute + more):
        told = limits.retry_seconds("key", per_minute, 0.0)
    told = limits.retry_seconds("key", per_minute, 0.0)
    assert told is not None
    assert limits.retry_seconds("key", per_minute, float(told)) is None


def test_everybody_has_a_bucket_of_their_own() -> None:
    limits = RateLimits()
    assert limits.retry_seconds("ana", 1, 0.0) is None
    assert limits.retry_seconds("ana", 1, 0.0) == 60
    assert limits.retry_seconds("ben", 1, 0.0) is None
