"""Documents and skills as resources, prompts with completion, roots, and notices of what has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from copilot.hosts.mcp_server import pages, uris
from copilot.hosts.mcp_server.options import Options
from copilot.hosts.mcp_server.roots import narrowed
from copilot.plugins.skill import Prompt, PromptArgument, Resource, Skill, Skills
from copilot.trust.labels import UNKNOWN, Confidentiality, Label
from tests.hosts.mcp_server.serving import ERAS, Connect, text_of

SECRET = Label(confidentiality=Confidentiality.RESTRICTED)
EXTRA = Skill(
    "extra",
    "Extra.",
    "How to do more.",
    resources=(
        Resource("references/more.md", lambda: b"# More", "More.", "text/markdown", UNKNOWN),
        Resource("assets/dot.png", lambda: b"\x89PNG\xff", "", "image/png", UNKNOWN),
        Resource("secret.md", lambda: b"secret", label=SECRET),
    ),
    prompts=(Prompt("greet", "Greets.", lambda given: f"Hello {given['who']}", (PromptArgument("who", "", True),)),),
)


@pytest.mark.parametrize("era", ERAS)
async def test_documents_are_resources(connect: Connect, office: Path, era: str) -> None:
    (office / "sub folder").mkdir()
    (office / "sub folder" / "ä #1.md").write_text("# Straße", "utf-8")
    (office / "picture.png").write_bytes(b"\x89PNG")
    async with connect(era=era) as client:
        found = {r.name: r for r in (await client.list_resources()).resources}
        assert "picture.png" not in found
        odd = found["sub folder/ä #1.md"]
        assert odd.uri == "everpilot://workspace/sub%20folder/%C3%A4%20%231.md"
        assert odd.mime_type == "text/markdown"
        read = (await client.read_resource(odd.uri)).contents[0]
        assert "Straße" in read.text
        assert read.meta["everpilot/label"]["integrity"] == "untrusted"
        templates = (await client.list_resource_templates()).resource_templates
        assert [t.uri_template for t in templates] == ["everpilot://workspace/{+path}", "skill://{name}/SKILL.md"]


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("everpilot://workspace/nothing.docx", "nothing.docx"),
        ("everpilot://workspace/..%2F..%2Fetc%2Fpasswd", "outside the opened folders"),
        ("everpilot://workspace//etc/passwd", "outside the opened folders"),
        ("skill://nope/SKILL.md", "no skill"),
        ("skill://word/../../x", "word has no"),
        ("https://example.com/", "no resource"),
    ],
)
async def test_what_is_no_resource_is_an_error_of_the_protocol(connect: Connect, uri: str, said: str) -> None:
    codes = []
    for era in ERAS:
        async with connect(era=era) as client:
            with pytest.raises(MCPError, match=said) as error:
                await client.read_resource(uri)
        codes.append(error.value.error.code)
    assert codes == [-32002, -32602]


async def test_what_belongs_to_skills(connect: Connect) -> None:
    async with connect(skills=Skills((EXTRA,))) as client:
        uri = {r.name: r.uri for r in (await client.list_resources()).resources}
        text = (await client.read_resource(uri["extra/SKILL.md"])).contents[0].text
        assert text == "---\nname: extra\ndescription: Extra.\n---\n\nHow to do more."
        assert (await client.read_resource(uri["extra/references/more.md"])).contents[0].text == "# More"
        assert (await client.read_resource(uri["extra/assets/dot.png"])).contents[0].blob == "iVBOR/8="
        with pytest.raises(MCPError, match="no more than internal"):
            await client.read_resource(uri["extra/secret.md"])
        assert [p.name for p in (await client.list_prompts()).prompts] == ["extra", "extra.greet"]
        words = await client.get_prompt("extra.greet", {"who": "Ann"})
        assert words.messages[0].content.text == "Hello Ann"
        with pytest.raises(MCPError, match="greet needs who"):
            await client.get_prompt("extra.greet", {})
        with pytest.raises(MCPError, match="no prompt"):
            await client.get_prompt("nope", {})


async def test_a_prompt_brings_the_instructions_and_completes_names(connect: Connect) -> None:
    async with connect() as client:
        words = await client.get_prompt("word", {"task": "Find the term.", "file": "contract.docx"})
        assert words.messages[0].content.text.startswith("# Word documents")
        assert words.messages[0].content.text.endswith("Task: Find the term.\n\nDocument: contract.docx")
        prompt, document = (
            types.PromptReference(name="word"),
            types.ResourceTemplateReference(uri=uris.DOCUMENT_TEMPLATE),
        )
        skill = types.ResourceTemplateReference(uri=uris.SKILL_TEMPLATE)
        for ref, argument, typed, first in (
            (prompt, "file", "CON", "contract.docx"),
            (prompt, "file", "report", "quarterly-report.docx"),
            (document, "path", "sal", "sales.xlsx"),
            (skill, "name", "ex", "excel"),
        ):
            found = (await client.complete(ref, {"name": argument, "value": typed})).completion
            assert found.values[0] == first
        assert (await client.complete(prompt, {"name": "task", "value": ""})).completion.values == []


async def test_the_clients_roots_narrow_and_never_widen(connect: Connect, office: Path, tmp_path: Path) -> None:
    (office / "inner").mkdir()
    (office / "inner" / "only.md").write_text("only")
    roots: list[Path] = [office / "inner"]

    async def listed(context: Any) -> types.ListRootsResult:
        return types.ListRootsResult(roots=[types.Root(uri=root.as_uri()) for root in roots])

    async with connect(era="legacy", list_roots_callback=listed) as client:
        seen = text_of(await client.call_tool("documents__list", {}))
        assert "only.md" in seen
        assert "contract.docx" not in seen
        assert (await client.call_tool("word__read", {"path": str(office / "contract.docx")})).is_error
    roots[:] = [tmp_path, Path("/")]
    async with connect(era="legacy", list_roots_callback=listed) as client:
        assert "contract.docx" in text_of(await client.call_tool("documents__list", {}))
        assert (await client.call_tool("documents__read", {"path": "/etc/hostname"})).is_error


@pytest.mark.parametrize("era", ERAS)
async def test_a_plugin_serves_what_the_client_has_open(
    connect: Connect, office: Path, tmp_path: Path, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLUGIN_ROOT", str(office))  # where a host starts it: nobody's documents
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.md").write_text("mine")

    async def listed(context: Any) -> types.ListRootsResult:
        return types.ListRootsResult(roots=[types.Root(uri=elsewhere.as_uri()), types.Root(uri="file:///")])

    options = Options(roots=True, lean=False)
    async with connect(era=era, options=options, list_roots_callback=listed) as client:
        seen = text_of(await client.call_tool("documents__list", {}))
        assert "mine.md" in seen
        assert "contract.docx" not in seen
        assert "elsewhere" not in str([r.uri for r in (await client.list_resources()).resources])
        assert "everpilot://workspace/mine.md" in [r.uri for r in (await client.list_resources()).resources]
    async with connect(era=era, options=options) as client:
        told = await client.call_tool("documents__list", {})
        assert told.is_error
        assert "which folder is open" in text_of(told)
        assert not [r for r in (await client.list_resources()).resources if r.uri.startswith("everpilot:")]


def test_which_roots_count(tmp_path: Path) -> None:
    inner, other = tmp_path / "a" / "b", tmp_path / "c"
    inner.mkdir(parents=True)
    other.mkdir()
    (tmp_path / "a" / "out").symlink_to(other)
    served = [tmp_path / "a"]
    assert narrowed([inner, other], served) == (inner,)
    assert narrowed([other], served) == ()
    assert narrowed([tmp_path], served) == ()
    assert narrowed([(tmp_path / "a" / "out").resolve()], served) == ()
    assert narrowed([tmp_path / "a" / "missing"], served) == ()


@pytest.mark.filterwarnings("ignore:resources/.*subscribe is removed")
async def test_a_document_that_changes_is_told_of(connect: Connect, office: Path) -> None:
    told = anyio.Event()
    heard: list[str] = []

    async def notice(message: Any) -> None:
        if isinstance(message, types.ResourceUpdatedNotification):
            heard.append(str(message.params.uri))
            told.set()

    uri = "everpilot://workspace/notes.md"
    (office / "notes.md").write_text("one")
    async with connect(era="legacy", message_handler=notice) as client:
        await client.subscribe_resource(uri)
        (office / "notes.md").write_text("something else")
        with anyio.fail_after(20):
            await told.wait()
        await client.unsubscribe_resource(uri)
    assert heard == [uri]


async def test_a_new_skill_is_told_of(connect: Connect, home: Path) -> None:
    told = anyio.Event()

    async def notice(message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification | types.PromptListChangedNotification):
            told.set()

    async with connect(era="legacy", message_handler=notice, skills=None, options=Options(interval=0.02)) as client:
        assert client.server_capabilities.tools.list_changed
        folder = home / "skills" / "letters"
        folder.mkdir(parents=True)
        (folder / "SKILL.md").write_text("---\nname: letters\ndescription: Writes letters.\n---\nPolitely.\n")
        with anyio.fail_after(20):
            await told.wait()
        assert "letters" in [p.name for p in (await client.list_prompts()).prompts]


async def test_notices_of_the_new_era(connect: Connect, office: Path) -> None:
    uri = "everpilot://workspace/notes.md"
    (office / "notes.md").write_text("one")
    async with connect(mode="yes") as client:
        assert client.protocol_version == "2026-07-28"
        async with client.listen(resource_subscriptions=[uri]) as events:
            (office / "notes.md").write_text("something else")
            with anyio.fail_after(20):
                async for event in events:
                    assert uri in str(event)
                    break


async def test_long_lists_come_in_pages(connect: Connect, office: Path) -> None:
    for number in range(pages.SIZE):
        (office / f"note {number:03}.md").write_text("x")
    async with connect() as client:
        first = await client.list_resources()
        second = await client.list_resources(cursor=first.next_cursor)
        names = [r.name for r in (*first.resources, *second.resources)]
        assert (len(first.resources), second.next_cursor) == (pages.SIZE, None)
        assert len(names) == len(set(names))
        documents = {name for name in names if not name.endswith("/SKILL.md")}
        assert documents == {path.name for path in office.iterdir()}
        with pytest.raises(MCPError, match="cursor"):
            await client.list_resources(cursor="../..")


def test_addresses_go_both_ways() -> None:
    for path in ("a.docx", "sub folder/ä #1?.md", "100%.md", "a/../b"):
        assert uris.path_of(uris.document_uri(path)) == path
    for name, file in (("word", "SKILL.md"), ("a b", "references/x y.md")):
        assert uris.skill_of(uris.skill_uri(name, file)) == (name, file)
