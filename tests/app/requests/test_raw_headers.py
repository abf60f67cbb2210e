"""Headers as ASGI has them are read and added without touching those of others."""

from app.http.headers.raw import add_missing, answered, sent


def test_a_header_is_read_by_its_name_and_the_first_one_counts() -> None:
    scope = {"headers": [(b"host", b"one"), (b"x-name", b"\xe9"), (b"x-name", b"two")]}
    assert sent(scope, b"x-name") == "\xe9"
    assert sent(scope, b"origin") is None


def test_an_answer_keeps_its_own_header_and_gets_those_that_it_lacks() -> None:
    start = {"headers": [(b"etag", b"own")]}
    add_missing(start, [(b"etag", b"other"), (b"cache-control", b"no-cache")])
    assert start["headers"] == [(b"etag", b"own"), (b"cache-control", b"no-cache")]
    assert answered(start, b"cache-control") == "no-cache"
    assert answered(start, b"location") is None


def test_a_list_of_headers_that_answers_share_is_left_as_it_is() -> None:
    shared = [(b"content-type", b"application/json")]
    add_missing({"headers": shared}, [(b"etag", b"1")])
    assert shared == [(b"content-type", b"application/json")]


def test_an_answer_without_headers_gets_them() -> None:
    start: dict[str, object] = {}
    add_missing(start, [(b"etag", b"1")])
    assert start["headers"] == [(b"etag", b"1")]
