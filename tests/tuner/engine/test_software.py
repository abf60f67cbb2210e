"""Orders go to workers whose software is the coordinator's, and to no others."""

import pytest

from tuner.engine.software import Software, differences, installed_software

OURS = Software(python="3.11", code="0123456789", packages={"torch": "2.13.0", "more": "0.1.0"})


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        ({}, ()),
        ({"packages": {**OURS.packages, "another": "1.0"}}, ()),
        ({"python": "3.12"}, ("Python is 3.12, not 3.11",)),
        ({"code": "abcdefghij"}, ("Widthwise's code is abcdefgh, not 01234567",)),
        ({"packages": {"torch": "2.12.0", "more": "0.1.0"}}, ("torch is 2.12.0, not 2.13.0",)),
        ({"packages": {"torch": "2.13.0"}}, ("more 0.1.0 is not installed",)),
    ],
)
def test_what_differs_is_named(theirs: dict[str, object], words: tuple[str, ...]) -> None:
    assert differences(OURS, OURS.model_copy(update=theirs)) == words


def test_what_is_installed_here_does_not_differ_from_itself() -> None:
    here = installed_software()
    assert differences(here, installed_software()) == ()
    assert len(here.code) == 64
    assert {"torch", "numpy"} <= here.packages.keys()
