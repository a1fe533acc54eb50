"""The tools of the web."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from copilot.documents.text_parts import part_of
from copilot.errors import ToolInputError
from copilot.plugins.connections.web import Found, Hit, Page, Recent
from copilot.plugins.context import ToolContext
from copilot.plugins.tools import Result, tool
from copilot.slots import Role, Slot
from copilot.trust.hosts import is_below
from copilot.trust.labels import Confidentiality, Label
from copilot.trust.sanitise import safe_text

Url = Annotated[str, Role("url"), Slot("query"), Field(description="The whole address, as it was given: https://...")]
_MOST_HITS = 20


@tool(
    effect="fetch",
    on_web=True,
    examples=["search the web for Python release dates", "what does the web say about VAT rates in Norway?"],
    cues=["web", "internet", "online", "google", "bing"],
)
def search(
    ctx: ToolContext,
    query: Annotated[
        str,
        Role("body"),
        Slot("query", cues=("for", "about")),
        Field(min_length=1, max_length=400, description="A few words, as one types into a search box."),
    ],
    site: Annotated[
        str, Role("target"), Field(description="Only pages of this host, such as learn.microsoft.com.")
    ] = "",
    recent: Annotated[
        Recent, Role("option"), Field(description="Only pages of the last day, week, month or year.")
    ] = "",
    most: Annotated[int, Role("option"), Field(ge=1, le=_MOST_HITS, description="How many results at most.")] = 8,
) -> Result:
    """Search the web: titles, addresses and quotes of pages, the best first."""
    web = ctx.web
    found = web.search(query, sites=_sites(ctx, site), recent=recent, most=most)
    who = web.whom({})
    ctx.labels.append(_public(who.source))
    hits = [{"title": h.title, "url": h.url, "text": h.text, "date": h.date} for h in found.hits]
    urls = tuple(hit.url for hit in found.hits)
    data = {"engine": found.engine, "answer": found.answer, "results": hits}
    return Result(_listed(found, query), data, urls, leads=urls)


@tool(
    effect="fetch",
    on_web=True,
    examples=["read https://learn.microsoft.com/graph/overview"],
    cues=["page", "website", "url", "link", "web", "http", "https"],
)
def fetch(ctx: ToolContext, url: Url) -> Result:
    """Fetch one page of the web and return it as Markdown: its first part, and how many parts there are.

    Web pages, PDF, Word, Excel, PowerPoint, text and JSON can be read. Nothing is sent but the address.
    """
    page = ctx.web.fetch(url, sites=ctx.sites)
    return _told(ctx, page, 1)


@tool(effect="read", examples=["read part 2 of https://learn.microsoft.com/graph/overview"], cues=["part", "page"])
def read(
    ctx: ToolContext,
    url: Url,
    part: Annotated[int, Role("option"), Slot("number", cues=("part",)), Field(ge=1, description="From 1 on.")] = 1,
) -> Result:
    """Return another part of a page that web.fetch fetched a short while ago; nothing is fetched."""
    page = ctx.web.kept(url)
    if page is None or (ctx.sites is not None and not any(is_below(page.url, each) for each in ctx.sites)):
        raise ToolInputError(f"{url} is not kept here.", hint="Fetch it with web.fetch.", code="not_fetched")
    return _told(ctx, page, part)


def _told(ctx: ToolContext, page: Page, number: int) -> Result:
    ctx.labels.append(ctx.web.label(page.url))
    text, count = part_of(page.markdown, number)
    more = f"\n\n(part {number} of {count}; the next: web.read with part={number + 1})" if number < count else ""
    notes = "".join(f"\n\n{note}" for note in page.notes)
    head = f"{page.title or page.url}\n{page.url}\n\n"
    data = {"url": page.url, "title": page.title, "media": page.media, "part": number, "parts": count}
    return Result(f"{head}{_quoted(text)}{more}{notes}", data, (page.url,))


def _listed(found: Found, query: str) -> str:
    if not found.hits and not found.answer:
        return f"{found.engine} found nothing for {query!r}."
    lines = [_line(number, hit) for number, hit in enumerate(found.hits, start=1)]
    answer = [f"{found.engine} says:\n\n{_quoted(found.answer)}"] if found.answer else []
    return "\n\n".join([*answer, *lines])


def _line(number: int, hit: Hit) -> str:
    date = f" ({hit.date})" if hit.date else ""
    quoted = f"\n{_quoted(hit.text)}" if hit.text else ""
    return f"{number}. {hit.title or hit.url}{date}\n{hit.url}{quoted}"


def _quoted(text: str) -> str:
    """Return other people's words as a quote, without what nobody sees."""
    return "\n".join(f"> {line}".rstrip() for line in safe_text(text, lines=True).split("\n"))


def _sites(ctx: ToolContext, site: str) -> list[str]:
    """Return the sites to keep to: those of the agent, or the one that is asked for, if it is among them."""
    wanted = site.strip().removesuffix("/")
    if wanted and not urlsplit(wanted if "://" in wanted else f"https://{wanted}").hostname:
        raise ToolInputError(f"{site!r} is no host.", hint="Write it as learn.microsoft.com.", code="host")
    if ctx.sites is None:
        return [wanted] if wanted else []
    whole = wanted if "://" in wanted else f"https://{wanted}"
    if not wanted:
        return list(ctx.sites)
    if not any(is_below(whole, each) for each in ctx.sites):
        hint = f"It may use: {', '.join(ctx.sites) or 'none'}."
        raise ToolInputError(f"This agent may not search {site}.", hint=hint, code="outside_sites")
    return [wanted]


def _public(label: Label) -> Label:
    return Label(label.integrity, Confidentiality.PUBLIC, label.sources, label.readers, label.origins)
