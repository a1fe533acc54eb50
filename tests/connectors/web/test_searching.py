"""Search engines: what each is asked, in its own words, and what its answer means."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.errors import EverpilotError, ServiceError, SettingsError
from copilot.plugins.connectors import connector
from copilot.settings import WebSettings
from tests.connectors.web.site import Site

BRAVE = {
    "type": "search",
    "web": {
        "results": [
            {
                "title": "Rates &amp; <strong>VAT</strong>",
                "url": "https://tax.example/vat",
                "description": "The <strong>VAT</strong> is 25 %",
                "page_age": "2026-05-01T00:00:00",
            },
            {"title": "Bad", "url": "javascript:alert(1)"},
            "no result",
        ]
    },
}
TAVILY = {
    "query": "q",
    "results": [{"title": "VAT", "url": "https://tax.example/vat", "content": "25 %", "score": 0.9}],
}
SEARXNG = {
    "query": "q",
    "number_of_results": 0,
    "results": [
        {"url": "https://tax.example/vat", "title": "VAT", "content": "25 %", "publishedDate": None, "engine": "x"},
        {"url": "https://other.example/vat", "title": "VAT", "content": "9 %", "publishedDate": "2026-01-02"},
    ],
}
BING = {
    "output": [
        {"type": "bing_grounding_call", "id": "1"},
        {
            "type": "message",
            "content": [
                {
                    "type": "output_text",
                    "text": "It is 25 %【1】.",
                    "annotations": [
                        {"type": "url_citation", "url": "https://tax.example/vat", "title": "VAT", "start_index": 9},
                        {"type": "url_citation", "url": "https://tax.example/vat", "title": "VAT", "start_index": 9},
                    ],
                }
            ],
        },
    ]
}
CUSTOM = {"data": {"items": [{"name": "VAT", "href": "https://tax.example/vat", "snippet": "25 %"}]}}
OPTIONS: dict[str, dict[str, Any]] = {
    "bing": {"model": "gpt", "connection": "/c/bing"},
    "custom": {
        "results": "data.items",
        "title": "name",
        "link": "href",
        "text": "snippet",
        "key": "X-Key",
        "query": "s",
    },
}
FIRST = "https://tax.example/vat"


def web(site: Site, engine: str, env: dict[str, str] | None = None, **more: Any) -> Any:
    path = "/find" if engine == "custom" else ""
    settings = WebSettings(
        engine=engine, base_url=f"{site.url}{path}", options=OPTIONS.get(engine, {}), **{"api_key_env": "KEY", **more}
    )
    return connector("web").browse(settings, (), {"KEY": "s3cret-key-1"} if env is None else env)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("engine", "path", "answer", "key", "asked"),
    [
        (
            *("brave", "/res/v1/web/search", BRAVE, ("x-subscription-token", "s3cret-key-1")),
            {"q": ["VAT rates site:tax.example"], "count": ["8"], "freshness": ["pw"]},
        ),
        (
            *("tavily", "/search", TAVILY, ("authorization", "Bearer s3cret-key-1")),
            {"query": "VAT rates", "max_results": 8, "include_domains": ["tax.example"], "time_range": "week"},
        ),
        (
            *("searxng", "/search", SEARXNG, ("", "")),
            {"q": ["VAT rates site:tax.example"], "format": ["json"], "time_range": ["month"]},
        ),
        (*("custom", "/find", CUSTOM, ("x-key", "s3cret-key-1")), {"s": ["VAT rates site:tax.example"]}),
        (
            *("bing", "/openai/v1/responses", BING, ("authorization", "Bearer s3cret-key-1")),
            {
                "model": "gpt",
                "input": "Search the web and answer in a few sentences, citing each page: VAT rates site:tax.example",
                "tool_choice": "required",
                "store": False,
                "tools": [
                    {
                        "type": "bing_grounding",
                        "bing_grounding": {
                            "search_configurations": [
                                {"project_connection_id": "/c/bing", "count": 8, "freshness": "Week"}
                            ]
                        },
                    }
                ],
            },
        ),
    ],
)
def test_each_engine_is_asked_in_its_own_words(
    site: Site, engine: str, path: str, answer: Any, key: tuple[str, str], asked: dict[str, Any]
) -> None:
    site.json(path, answer)
    browser = web(site, engine, **({} if key[0] else {"api_key_env": ""}))
    found = browser.search("VAT rates", sites=["tax.example"], recent="week")
    assert {hit.url for hit in found.hits} == {FIRST}
    got_path, query, headers, body = site.asked[0]
    assert (got_path, body or query) == (path, asked)
    assert headers.get(key[0], "") == key[1]
    assert "cookie" not in headers
    assert browser.whom({}).hosts == (site.url,)


def test_what_an_engine_marks_and_dates_is_plain_text(site: Site) -> None:
    site.json("/res/v1/web/search", BRAVE)
    (hit,) = web(site, "brave").search("vat").hits
    assert (hit.title, hit.text, hit.date) == ("Rates & VAT", "The VAT is 25 %", "2026-05-01T00:00:00")
    site.json("/openai/v1/responses", BING)
    assert web(site, "bing").search("vat").answer == "It is 25 %【1】."


@pytest.mark.parametrize(
    ("status", "body", "headers", "code", "told"),
    [
        (401, "{}", {}, "denied", "Key: KEY"),
        (429, "{}", {"Retry_After": "7"}, "throttled", "enough calls"),
        (500, "oops", {}, "broken", "answered 500"),
        (302, "", {"Location": "https://evil.example/"}, "broken", "answered 302"),
        (200, "<html>", {}, "broken", "no JSON"),
        (200, '{"web": [1]}', {}, "", ""),
        (200, "[]", {}, "", ""),
    ],
)
def test_what_engines_answer_in_trouble(
    site: Site, status: int, body: str, headers: dict[str, str], code: str, told: str
) -> None:
    site.page("/res/v1/web/search", body, "application/json", status, **headers)
    if not code:
        assert web(site, "brave").search("vat").hits == ()
        return
    with pytest.raises(ServiceError, match=told) as caught:
        web(site, "brave").search("vat")
    assert caught.value.code == code
    assert caught.value.retry_after == (7 if code == "throttled" else None)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"engine": "goggle"}, "no engine 'goggle'.*brave, tavily, searxng, bing, custom"),
        ({"engine": "searxng"}, "needs base_url"),
        ({"engine": "bing"}, "endpoint of your Foundry project"),
        ({"engine": "bing", "base_url": "https://x.example", "options": {"model": "gpt"}}, "connection"),
        ({"engine": "custom", "base_url": "https://x.example", "options": {"verb": "GET"}}, "verb"),
        ({"engine": "brave", "options": {"count": 3}}, "takes none"),
    ],
)
def test_settings_that_can_not_be(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        connector("web").browse(WebSettings(**settings), (), {})  # type: ignore[attr-defined]


def test_without_an_engine_or_a_key_the_next_step_is_told(site: Site) -> None:
    none = connector("web").browse(WebSettings(), (), {})  # type: ignore[attr-defined]
    for browser, told in ((none, "No search engine is set up"), (web(site, "brave", {}), "KEY, which .web.")):
        with pytest.raises(EverpilotError, match=told):
            browser.search("vat")
    with pytest.raises(ServiceError, match="not reached") as caught:
        connector("web").browse(  # type: ignore[attr-defined]
            WebSettings(engine="searxng", base_url="http://127.0.0.1:9"), (), {}
        ).search("vat")
    assert caught.value.code == "unreachable"
    assert site.asked == []
