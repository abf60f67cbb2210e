"""Events are sent to the internet, and nothing inside is asked by a webhook."""

import pytest

from tuner.coordinator.webhooks.guarded_http import Undelivered, judged_address, post
from tuner.coordinator.webhooks.signed import Message
from tuner.storage.webhooks.address import is_public, refusal

MESSAGE = Message({"Content-Type": "application/json"}, b"{}")


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.9.9",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "::127.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "::ffff:0:127.0.0.1",
    ],
)
def test_an_address_of_a_machine_or_its_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.com/", "https"),
        ("ftp://example.com/", "not an https"),
        ("https://", "not an https"),
        ("https://user:secret@example.com/", "user"),
        ("https://example.com/#part", "fragment"),
        ("https://example.com/a b", "space"),
        ("https://example.com\\@127.0.0.1/", "characters"),
        ("https://localhost/", "localhost"),
        ("https://db.internal/", "internal"),
        ("https://127.0.0.1/", "not a public address"),
        ("https://[::ffff:10.0.0.1]/", "not a public address"),
        ("https://127.0.0.1./", "not a public address"),
        ("https://2130706433/", "another form"),
        ("https://0x7f000001/", "another form"),
        ("https://0177.0.0.1/", "another form"),
        ("https://127.1/", "another form"),
        ("https://example.0x7f/", "another form"),
        ("https://%31%32%37.0.0.1/", "another form"),
        ("https://ex%61mple.com/", "no name of a host"),
        ("https://example..com/", "no name of a host"),
        ("https://localhost./", "of this machine"),
        ("https://printer/", "of this machine"),
        ("https://[::1/", "not a URL"),
        ("https://example.com:99999/", "not a URL"),
    ],
)
def test_an_address_that_cannot_be_sent_to_is_refused_in_words(url: str, words: str) -> None:
    assert words in (refusal(url, ()) or "")


def test_an_operator_may_name_hosts_inside() -> None:
    assert refusal("http://127.0.0.1:8400/hook", ["127.0.0.1"]) is None
    assert refusal("http://hooks:8400/", ["hooks"]) is None
    assert refusal("https://example.com/hook", ()) is None


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.1", "0"])
def test_a_host_is_judged_where_it_leads_whatever_its_name_says(host: str) -> None:
    with pytest.raises(Undelivered, match="not a public address"):
        judged_address(host, 443)
    with pytest.raises(Undelivered, match=r"of this machine|another form"):
        post(f"https://{host}/", MESSAGE, ())
