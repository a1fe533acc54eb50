"""Labels: the laws of the join, and that nothing ever lowers one."""

from __future__ import annotations

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.trust.labels import UNKNOWN, USER, WORKSPACE, Confidentiality, Integrity, Label, join, readers_of

NAMES = [f"{who}@{where}" for who, where in product(("anna", "bob", ""), ("contoso.com", "fabrikam.com"))]
READERS = st.none() | st.lists(st.sampled_from(NAMES)).map(readers_of)
SOURCES = st.lists(st.sampled_from("abc"), unique=True).map(tuple)
LABELS = st.builds(Label, st.sampled_from(Integrity), st.sampled_from(Confidentiality), SOURCES, READERS)
PEOPLE = ("anna@contoso.com", "bob@contoso.com", "anna@fabrikam.com", "carl@contoso.com", "eve@evil.example", "channel")


def key(label: Label) -> object:
    return label.integrity, label.confidentiality, frozenset(label.sources), label.readers


@given(LABELS, LABELS, LABELS)
def test_the_join_is_a_semilattice(a: Label, b: Label, c: Label) -> None:
    assert key(a | b) == key(b | a)
    assert key((a | b) | c) == key(a | (b | c))
    assert a | a == a


@given(LABELS, LABELS)
def test_the_join_only_ever_restricts(a: Label, b: Label) -> None:
    joined = a | b
    assert joined.integrity == max(a.integrity, b.integrity)
    assert joined.confidentiality == max(a.confidentiality, b.confidentiality)
    assert set(joined.sources) == {*a.sources, *b.sources}
    for person in PEOPLE:
        assert joined.admits(person) == (a.admits(person) and b.admits(person))


@given(st.lists(LABELS), LABELS)
def test_one_more_input_lowers_nothing(labels: list[Label], more: Label) -> None:
    before, after = join(labels), join([*labels, more])
    assert after | before == after or key(after | before) == key(after)
    assert not any(after.admits(p) and not before.admits(p) for p in PEOPLE)


@given(LABELS)
def test_survives_a_checkpoint(label: Label) -> None:
    assert Label.from_dict(json.loads(json.dumps(label.to_dict()))) == label


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"integrity": "user"},
        {"integrity": "admin", "confidentiality": "public"},
        {"integrity": "user", "confidentiality": "public", "readers": "anna@contoso.com"},
        {"integrity": "user", "confidentiality": "public", "readers": [1]},
        {"integrity": "user", "confidentiality": "public", "readers": None},
        {"integrity": "user", "confidentiality": "public", "sources": 3},
    ],
)
def test_what_cant_be_read_is_untrusted_restricted_and_for_nobody(data: dict[str, object]) -> None:
    found = Label.from_dict(data)
    assert (found.integrity, found.confidentiality) == (Integrity.UNTRUSTED, Confidentiality.RESTRICTED)
    assert not any(found.admits(person) for person in PEOPLE)


def test_readers_are_addresses_and_domains_in_any_case() -> None:
    label = Label(readers=readers_of([" Anna@Contoso.com", "@fabrikam.com"]))
    assert label.admits("ANNA@contoso.com")
    assert label.admits("x@FABRIKAM.com")
    assert not label.admits("bob@contoso.com")
    assert not label.admits("x@notfabrikam.com")
    assert not label.admits("x@fabrikam.com.evil.example")
    assert not label.admits("")


def test_a_domain_and_an_address_in_it_meet_in_the_address() -> None:
    one, other = Label(readers=readers_of(["@contoso.com"])), Label(readers=readers_of(["anna@contoso.com", "x@y.z"]))
    assert (one | other).readers == {"anna@contoso.com"}


def test_what_people_typed_is_no_taint_and_the_unknown_is() -> None:
    assert not USER.tainted
    assert not WORKSPACE.tainted
    assert UNKNOWN.tainted
    assert (USER | UNKNOWN).tainted
