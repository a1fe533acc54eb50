"""Hosts: only those that were named, none of them private in any spelling, none that sends on."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.trust.hosts import is_private, problem

ALLOWED = ["learn.microsoft.com", "*.contoso.com"]


@pytest.mark.parametrize(
    "url", ["https://learn.microsoft.com/x?y=1", "http://a.contoso.com:8443/", "https://A.B.Contoso.com."]
)
def test_allowed(url: str) -> None:
    assert problem(url, ALLOWED) == ("", "")


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("https://evil.example/", "unlisted-host"),
        ("https://contoso.com/", "unlisted-host"),
        ("https://evilcontoso.com/", "unlisted-host"),
        ("https://learn.microsoft.com.evil.example/", "unlisted-host"),
        ("https://learn.microsoft.com@evil.example/", "host"),
        ("https://evil.example\\@learn.microsoft.com/", "host"),
        ("ftp://learn.microsoft.com/", "host"),
        ("file:///etc/passwd", "host"),
        ("javascript:alert(1)", "host"),
        ("learn.microsoft.com", "host"),
        ("", "host"),
        ("https://learn.microsoft.com:99999/", "host"),
        ("https://lеarn.microsoft.com/", "host"),
        ("https://bit.ly/x", "redirector"),
        ("https://www.google.com/url?q=https://evil.example", "redirector"),
        ("https://eu.safelinks.protection.outlook.com/?url=x", "redirector"),
        ("https://a.contoso.com/redirect?to=https%3a%2f%2fevil.example", "redirector"),
        ("http://localhost/", "private-host"),
        ("http://printer/", "private-host"),
        ("http://a.internal/", "private-host"),
        ("http://127.0.0.1/", "private-host"),
        ("http://127.1/", "private-host"),
        ("http://0x7f000001/", "private-host"),
        ("http://0177.0.0.1/", "private-host"),
        ("http://2130706433/", "private-host"),
        ("http://10.1.2.3/", "private-host"),
        ("http://172.16.0.1/", "private-host"),
        ("http://192.168.1.1/", "private-host"),
        ("http://169.254.169.254/", "private-host"),
        ("http://100.64.0.1/", "private-host"),
        ("http://0.0.0.0/", "private-host"),
        ("http://224.0.0.1/", "private-host"),
        ("http://[::1]/", "private-host"),
        ("http://[::]/", "private-host"),
        ("http://[::127.0.0.1]/", "private-host"),
        ("http://[64:ff9b::169.254.169.254]/", "private-host"),
        ("http://[64:ff9b:1::10.0.0.1]/", "private-host"),
        ("http://[::ffff:0:127.0.0.1]/", "private-host"),
        ("http://[2001:4860:4860::5efe:10.0.0.1]/", "private-host"),
        ("http://[fec0::1]/", "private-host"),
        ("http://192.0.0.192/", "private-host"),
        ("http://[fd00::1]/", "private-host"),
        ("http://[fe80::1]/", "private-host"),
        ("http://[::ffff:127.0.0.1]/", "private-host"),
        ("http://[2002:7f00:1::]/", "private-host"),
    ],
)
@pytest.mark.parametrize("star", [False, True])
def test_refused(url: str, rule: str, star: bool) -> None:
    """Also where every public host is allowed, except for those that are merely not listed."""
    found = problem(url, [*ALLOWED, "*"] if star else ALLOWED)
    assert found[0] == ("" if star and rule == "unlisted-host" else rule)
    assert bool(found[1]) is bool(found[0])


@given(st.ip_addresses(v=4))
def test_every_spelling_of_an_address_is_judged_alike(address: ipaddress.IPv4Address) -> None:
    special = address in ipaddress.ip_network("192.0.0.0/24")  # RFC 6890; later versions of Python know it
    public = address.is_global and not address.is_multicast and not special
    number = int(address)
    for spelling in (str(address), str(number), hex(number), f"0{number:o}", f"::ffff:{address}"):
        assert is_private(spelling) is not public, spelling


@given(st.text(max_size=30))
def test_nonsense_is_refused_and_not_met_with_an_exception(text: str) -> None:
    assert problem(text, ["contoso.com"])[0]
