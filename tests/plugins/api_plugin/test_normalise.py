"""The normaliser: what the published manifests write otherwise than the published schema."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.plugins.api_plugin.normalise import normalised

BASE = {"schema_version": "v2.4", "name_for_human": "My Store!", "namespace": "store", "description_for_human": "d"}


def _runtime(**more: Any) -> dict[str, Any]:
    return {"type": "OpenApi", "spec": {"url": "a.json"}, **more}


CASES: list[tuple[str, dict[str, Any], tuple[str, ...], Any, str]] = [
    ("(a) namespace derived", {"namespace": None}, ("namespace",), "MyStore", "derived"),
    ("(a) of no letters", {"namespace": "", "name_for_human": "¡!"}, ("namespace",), "plugin", "derived"),
    ("(b) lower case", {"runtimes": [_runtime(auth={"type": "none"})]}, ("auth", "type"), "None", "'none'"),
    (
        "(b) upper case",
        {"runtimes": [_runtime(auth={"type": "APIKEYPLUGINVAULT", "reference_id": "r"})]},
        ("auth", "type"),
        "ApiKeyPluginVault",
        "APIKEY",
    ),
    ("(b) auth.Type", {"runtimes": [_runtime(auth={"Type": "None"})]}, ("auth", "type"), "None", "Type is read"),
    ("(c) no auth", {"runtimes": [_runtime()]}, ("auth", "type"), "None", "auth is missing"),
    ("(c) null", {"runtimes": [_runtime(auth=None)]}, ("auth", "type"), "None", "auth is missing"),
    ("a text", {"runtimes": [_runtime(auth="none")]}, ("auth", "type"), "None", "read as its type"),
    ("a version without v", {"schema_version": "2.2"}, ("schema_version",), "v2.2", "'2.2'"),
    ("a version as a number", {"schema_version": 2.1}, ("schema_version",), "v2.1", "2.1"),
    ("a version in upper case", {"schema_version": "V2.3"}, ("schema_version",), "v2.3", "'V2.3'"),
]


@pytest.mark.parametrize(("what", "given", "place", "expected", "told"), CASES, ids=[each[0] for each in CASES])
def test_each_repair_is_made_and_told(
    what: str, given: dict[str, Any], place: tuple[str, ...], expected: Any, told: str
) -> None:
    made = normalised({**BASE, **given}, "ai-plugin.json")
    value: Any = made.value["runtimes"][0] if "runtimes" in given else made.value
    for name in place:
        value = value[name]
    assert value == expected
    assert any(told in problem.reason and problem.severity == "repaired" for problem in made.problems)


def test_what_is_right_is_left_alone() -> None:
    right = {**BASE, "runtimes": [_runtime(auth={"type": "OAuthPluginVault", "reference_id": "r"})]}
    made = normalised(right, "ai-plugin.json")
    assert made.value == right
    assert not made.problems


def test_variables_of_the_packing_tool() -> None:
    runtime = _runtime(auth={"type": "OAuthPluginVault", "reference_id": "${{OAUTH_ID}}"}, spec={"url": "${{ URL }}"})
    given = {**BASE, "name_for_human": "Store${{SUFFIX}}", "namespace": "${{SPACE}}", "runtimes": [runtime]}
    made = normalised(given, "ai-plugin.json", {"SPACE": "shop"})
    assert made.value["name_for_human"] == "Store"
    assert made.value["namespace"] == "shop"
    assert made.value["runtimes"][0]["auth"]["reference_id"] == "OAUTH_ID"
    assert made.value["runtimes"][0]["spec"]["url"] == "${{ URL }}"
    assert {p.reason.split()[2] for p in made.problems} == {"SUFFIX", "SPACE", "OAUTH_ID", "URL"}


def test_version_1_becomes_one_runtime() -> None:
    old = {
        "schema_version": "v1",
        "name_for_human": "Store",
        "name_for_model": "store",
        "description_for_human": "d",
        "auth": {"type": "service_http", "authorization_type": "bearer"},
        "api": {"type": "openapi", "url": "https://shop.example/openapi.yaml"},
    }
    made = normalised(old, "ai-plugin.json")
    assert made.value["runtimes"] == [
        {
            "type": "OpenApi",
            "auth": {"type": "ApiKeyPluginVault", "reference_id": "store"},
            "spec": {"url": "https://shop.example/openapi.yaml"},
        }
    ]
    assert "version 1" in made.problems[0].reason


@pytest.mark.parametrize("odd", [{}, {"runtimes": 5}, {"runtimes": [None, [], {"auth": []}]}, {"schema_version": []}])
def test_odd_values_are_left_to_the_reader(odd: dict[str, Any]) -> None:
    normalised(odd, "ai-plugin.json")
