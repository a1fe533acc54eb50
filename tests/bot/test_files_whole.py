"""Files in and out through the whole bot, with its Teams, and OneDrive behind it (the fake Graph).

Out: where the chat itself has no way for files. In: what hangs on messages of groups, links, and hostile files.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dbos")
pytest.importorskip("aiohttp")
pytest.importorskip("jwt")

from copilot.documents.word.create import create as create_document
from copilot.hosts.bot.consent import CONSENT
from copilot.hosts.bot.handing import FOLDER, INFO
from copilot.hosts.bot.signin import EXCHANGE
from copilot.hosts.bot.words import WORDS
from copilot.settings import AccountSettings, TrustSettings
from tests.bot.crowd import ADA, BEN
from tests.bot.issuing import OTHER_TENANT, TENANT
from tests.bot.teams import Model, Teams, buttons, cards, teams
from tests.bot.test_signin import token
from tests.trust.test_sensitivity import STRANGE, label
from tests.vendors.graph import Graph
from tests.vendors.graph import graph as graph
from tests.vendors.graph import graph_server as graph_server

CARL, GIL = "00000000-0000-0000-0000-00000000000c", "00000000-0000-0000-0000-00000000001d"
EVE = "00000000-0000-0000-0000-00000000002e"
NINA, TOMAS, SOFIA = (f"{name}@fabrikam.example" for name in ("nina.keller", "tomas.berg", "sofia.lind"))
EVERYBODY = [ADA, BEN, CARL, GIL, EVE]
#: Where the sample company's OneDrive would lie in the cloud, so that links to it may be said.
HOST = "https://fabrikam-my.sharepoint.com/personal/nina"
MODEL = Model()
MODEL.script |= {
    "make it twelve": [
        [("word__replace_text", {"path": "offer.docx", "find": "Ten chairs", "replace": "Twelve chairs"})],
        "I changed it.",
    ],
    "copy the secret": [
        [("documents__read", {"path": "secret.docx"})],
        [("word__create", {"path": "public.docx", "content": "Ten chairs"})],
        "There it is.",
    ],
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, graph_server: Any) -> Iterator[Teams]:
    from tests.vendors.graph import TOKEN_ENV, FakeGraph, company

    current, url = graph_server
    current.fake = FakeGraph(company())
    account = Graph(current.fake, url, "").account()
    more = {
        "accounts": {"work": AccountSettings.model_validate(account)},
        "trust": TrustSettings(readers={"hr*": [NINA]}),
    }
    env = {TOKEN_ENV: ""}
    folder = tmp_path_factory.mktemp("handing")
    with teams(folder, MODEL, more=more, env=env, account="work", quota_mb=6) as made:
        yield made


@pytest.fixture
def bot(served: Teams, graph: Graph) -> Iterator[Teams]:
    """A group in which Ada, Ben and Carl are, Gil, a guest, and Eve of another company; nobody has signed in."""
    served.chats.clear()
    served.era += 1
    served.env.update(graph.env)
    graph.drive("nina.keller").resource["webUrl"] = HOST
    served.rosters = {"team": EVERYBODY, "other": [ADA, CARL]}
    named = {
        ADA: {"userPrincipalName": NINA},
        BEN: {"email": TOMAS},
        CARL: {"email": SOFIA},
        GIL: {"email": "gil@partner.example", "userPrincipalName": "gil_partner#EXT#@fabrikam.example"},
        EVE: {"email": "eve@partner.example", "tenantId": OTHER_TENANT},
    }
    served.members = {f"29:{user}": {"tenantId": TENANT, **each} for user, each in named.items()}
    served.installed = set()
    served.faults.clear()
    served.uploaded.clear()
    served.turns.people._known.clear()
    served.turns.rooms.close()
    served.turns.signins._memory.clear()
    for file in served.turns.rooms.folder.glob("*/*/files/*"):
        file.unlink()
    yield served
    served.settle()
    assert served.faults == []


@pytest.fixture(scope="module")
def document() -> bytes:
    made: bytes = create_document("# Offer\n\nTen chairs.\n\nTen tables.")
    return made


@pytest.fixture(scope="module")
def secret(document: bytes) -> bytes:
    data = io.BytesIO(document)
    with zipfile.ZipFile(data, "a") as package:
        package.writestr("docMetadata/LabelInfo.xml", f"<labelList>{label(STRANGE)}</labelList>")
    return data.getvalue()


def sign_in(bot: Teams, user: str = ADA) -> None:
    value = {"id": "x1", "connectionName": "work", "token": token(oid=user, preferred_username=NINA)}
    bot.post(bot.activity(user=user, type="invoke", name=EXCHANGE, value=value))


def put(bot: Teams, data: bytes, name: str = "offer.docx", **where: Any) -> None:
    (bot.room(**where) / name).write_bytes(data)


def get(bot: Teams, name: str = "offer.docx", **where: Any) -> dict[str, Any]:
    (said,) = bot.say(f"get {name}", **where)
    return said


def there(graph: Graph) -> dict[str, bytes]:
    """Return what lies in the folder of the drive, by name."""
    drive = graph.drive("nina.keller")
    found = [each for each in drive.items if f"/{FOLDER}/" in drive.path(each)]
    return {each["name"]: drive.state.blobs.get(each["_blob"]) for each in found}


def item(graph: Graph, name: str = "offer.docx") -> Any:
    return graph.drive("nina.keller").find(f"root:/{FOLDER}/{name}")


def readers(graph: Graph, name: str = "offer.docx") -> list[str]:
    """Return who may read a file beside its owner, with what, as far as is not inherited."""
    return sorted(_reader(each) for each in item(graph, name)["_permissions"])


def _reader(permission: dict[str, Any]) -> str:
    if "link" in permission:
        return f"link {permission['link']['scope']} {permission['link']['type']}"
    who = permission["grantedToV2"]["siteUser"]["loginName"].rpartition("|")[2]
    return f"{who} {' '.join(permission['roles'])}"


def consent_of(said: dict[str, Any]) -> str:
    (card,) = said["attachments"]
    assert card["contentType"] == CONSENT
    return str(card["content"]["acceptContext"]["offer"])


def answer(bot: Teams, offer: str, user: str = ADA, action: str = "accept", **where: Any) -> str:
    info = {"contentUrl": bot.url("x"), "name": "offer.docx", "uploadUrl": bot.url("").replace("/files/", "/upload/x")}
    value = {"type": "fileUpload", "action": action, "context": {"offer": offer}, "uploadInfo": info}
    said = bot.does(bot.activity(user=user, type="invoke", name="fileConsent/invoke", value=value, **where), user=user)
    return str(said[-1].get("text")) if said else ""


# --- by the account of who asked ------------------------------------------------------------------------------------


def test_an_edit_in_a_group_comes_back_as_a_file_for_its_people(bot: Teams, graph: Graph, document: bytes) -> None:
    sign_in(bot)
    put(bot, document, chat="team")
    bot.say("make it twelve", chat="team")
    before = set(bot.chat(chat="team").shown)
    data = next(buttons(bot.chat(chat="team").shown[bot.open_card(chat="team")]))["data"]
    bot.press({**data, "do": "approve"}, chat="team")
    (said,) = (each for id, each in bot.chat(chat="team").shown.items() if id not in before and each.get("attachments"))
    assert not any(cards(said))
    (card,) = said["attachments"]
    url = f"{HOST}/{FOLDER}/offer.docx"
    assert (card["contentType"], card["name"], card["contentUrl"]) == (INFO, "offer.docx", url)
    assert card["content"] == {"uniqueId": item(graph)["_tag"], "fileType": "docx"}
    link, _, where = said["text"].partition("\n\n")
    assert link.startswith(f"[offer.docx]({url}): ")
    assert "chairs" in link  # what was done to it
    assert where == WORDS.file_shared.format(who="Ada", folder=FOLDER)
    [stored] = there(graph).values()
    assert b"Twelve" in zipfile.ZipFile(io.BytesIO(stored)).read("word/document.xml")
    assert readers(graph) == [f"{SOFIA} read", f"{TOMAS} read"]  # no guest, no link, nobody may change it
    assert len([line for line in graph.fake.log if line.path.endswith("/invite")]) == 1


def test_the_next_version_takes_the_place_of_the_one_before(bot: Teams, graph: Graph, document: bytes) -> None:
    sign_in(bot)
    put(bot, document, chat="team")
    get(bot, chat="team")
    first = item(graph)["id"]
    put(bot, document + b"\0", chat="team")
    get(bot, chat="team")
    assert there(graph) == {"offer.docx": document + b"\0"}
    assert item(graph)["id"] == first
    assert len(item(graph)["_versions"]) == 1


def test_what_people_did_there_is_kept(bot: Teams, graph: Graph, document: bytes) -> None:
    sign_in(bot)
    put(bot, document, chat="team")
    get(bot, chat="team")
    drive = graph.drive("nina.keller")
    drive.write(item(graph), b"what Nina made of it", {"user": {"id": "n", "displayName": "Nina"}})
    put(bot, document + b"\0", chat="team")
    assert "[offer 1.docx]" in get(bot, chat="team")["text"]
    assert there(graph) == {"offer.docx": b"what Nina made of it", "offer 1.docx": document + b"\0"}


def test_who_left_the_group_does_not_get_the_next_version(bot: Teams, graph: Graph, document: bytes) -> None:
    sign_in(bot)
    put(bot, document, chat="team")
    get(bot, chat="team")
    bot.rosters["team"] = [ADA, BEN]
    put(bot, document + b"\0", chat="team")
    get(bot, chat="team")
    assert readers(graph, "offer 1.docx") == [f"{TOMAS} read"]
    assert there(graph)["offer.docx"] == document


def test_two_groups_have_files_of_their_own(bot: Teams, graph: Graph, document: bytes) -> None:
    sign_in(bot)
    for chat in ("team", "other"):
        put(bot, document, chat=chat)
        get(bot, chat=chat)
    assert readers(graph) == [f"{SOFIA} read", f"{TOMAS} read"]
    assert readers(graph, "offer 1.docx") == [f"{SOFIA} read"]


def test_a_file_of_many_pieces(bot: Teams, graph: Graph) -> None:
    sign_in(bot)
    data = bytes(range(256)) * 20_000  # 5 MB: an upload session
    put(bot, data, "big.bin", chat="team")
    get(bot, "big.bin", chat="team")
    assert there(graph) == {"big.bin": data}


def test_in_a_large_chat_the_organisation_has_a_link(bot: Teams, graph: Graph, document: bytes) -> None:
    sign_in(bot)
    crowd = [f"00000000-0000-0000-0001-{number:012d}" for number in range(130)]
    bot.rosters["team"] = [*EVERYBODY, *crowd]
    bot.members |= {f"29:{each}": {"email": f"{each[-12:]}@fabrikam.example", "tenantId": TENANT} for each in crowd}
    put(bot, document, chat="team")
    said = get(bot, chat="team")
    assert readers(graph) == ["link organization view"]
    assert WORDS.file_linked.format(who="Ada") in said["text"]
    assert "attachments" not in said  # the file's own address opens for nobody else


def test_who_is_alone_with_a_guest_shares_with_nobody(bot: Teams, graph: Graph, document: bytes) -> None:
    sign_in(bot)
    bot.rosters["team"] = [ADA, GIL]
    put(bot, document, chat="team")
    assert WORDS.nobody_else in get(bot, chat="team")["text"]
    assert readers(graph) == []


@pytest.mark.parametrize("fault", ["forbidden", "full"])
def test_what_cant_be_shared_is_in_ones_own_drive(bot: Teams, graph: Graph, document: bytes, fault: str) -> None:
    sign_in(bot)
    graph.faults.add(fault, path="/invite")
    put(bot, document, chat="team")
    said = get(bot, chat="team")
    assert "I could not share it with this chat: " in said["text"]
    assert there(graph) == {"offer.docx": document}
    assert readers(graph) == []


def test_one_address_that_graph_does_not_take_keeps_nobody_else_out(bot: Teams, graph: Graph, document: bytes) -> None:
    sign_in(bot)
    bot.members[f"29:{BEN}"] |= {"email": "nobody@fabrikam.example"}
    put(bot, document, chat="team")
    said = get(bot, chat="team")
    assert WORDS.file_not_all.format(count=1) in said["text"]
    assert readers(graph) == [f"{SOFIA} read"]


@pytest.mark.parametrize("fault", ["full", "forbidden", "reset_after"])
def test_a_drive_that_takes_nothing_leaves_the_chat_alone(
    bot: Teams, graph: Graph, document: bytes, fault: str
) -> None:
    sign_in(bot)
    bot.installed = {ADA}
    graph.faults.add(fault, method="PUT")
    put(bot, document, chat="team")
    assert get(bot, chat="team")["text"] == WORDS.file_sent_alone.format(name="offer.docx", who="Ada")
    graph.faults.clear()
    assert "in your OneDrive" in answer(bot, consent_of(list(bot.chat().shown.values())[-1]))
    assert bot.uploaded["x"] == document


def test_an_account_that_only_reads_writes_nothing(bot: Teams, graph: Graph, document: bytes) -> None:
    sign_in(bot)
    put(bot, document, chat="team")
    connection = bot.turns.rooms.room(_person(bot, chat="team")).copilot.connections.connect("work")
    connection.graph.writes = False
    assert WORDS.file_group_account in get(bot, chat="team")["text"]
    assert there(graph) == {}


# --- what may not go there -------------------------------------------------------------------------------------------


def test_restricted_files_are_for_who_asked_alone(bot: Teams, graph: Graph, secret: bytes) -> None:
    sign_in(bot)
    put(bot, secret, chat="team")
    said = get(bot, chat="team")
    assert said["text"].startswith("offer.docx is ready, but I may not hand it over here: It leaves this computer, and")
    bot.installed = {ADA}
    said = get(bot, chat="team")
    assert said["text"].startswith("offer.docx is not for everybody here: It leaves this computer, and is restricted.")
    assert "in your OneDrive" in answer(bot, consent_of(list(bot.chat().shown.values())[-1]))
    assert bot.uploaded["x"] == secret
    assert there(graph) == {}


def test_what_was_made_from_a_restricted_file_is_restricted(
    bot: Teams, graph: Graph, secret: bytes, document: bytes
) -> None:
    from copilot.trust.labels import Confidentiality, Label
    from copilot.workspace.change import Change

    sign_in(bot)
    room = bot.turns.rooms.room(_person(bot, chat="team"))
    label = Label(confidentiality=Confidentiality.RESTRICTED)
    room.copilot.workspace.commit(Change(room.folder / "offer.docx", None, document, (), "Copy", label=label))
    assert "I may not hand it over here" in get(bot, chat="team")["text"]
    assert there(graph) == {}


def test_files_with_readers_go_to_them_alone(bot: Teams, graph: Graph, document: bytes) -> None:
    sign_in(bot)
    bot.installed = {ADA}
    put(bot, document, "hr.docx", chat="team")
    assert "hr.docx is not for everybody here" in get(bot, "hr.docx", chat="team")["text"]
    bot.rosters["team"] = [ADA, GIL]
    assert WORDS.nobody_else in get(bot, "hr.docx", chat="team")["text"]  # Nina's own drive: she is a reader
    assert readers(graph, "hr.docx") == []


def test_a_guest_shares_nothing_of_theirs(bot: Teams, graph: Graph, document: bytes) -> None:
    sign_in(bot)
    bot.installed = {GIL}
    bot.say("hello", user=GIL, chat="team")
    for place in bot.turns.rooms.folder.glob("*/*/files"):
        (place / "offer.docx").write_bytes(document)  # of the guest's room, too
    assert get(bot, user=GIL, chat="team")["text"].startswith("offer.docx is ready, but Teams lets me")
    assert there(graph) == {}
    assert ("POST", "/v3/conversations") not in bot.asked[-3:]


# --- by a card in one's own chat --------------------------------------------------------------------------------------


def _person(bot: Teams, **where: Any) -> Any:
    from copilot.hosts.bot.people import person
    from tests.bot.crowd import CHANNEL

    return person(bot.activity(**where), CHANNEL, bot.settings.bot)


def asked_alone(bot: Teams, data: bytes, chat: str = "team") -> str:
    """Have Ada ask for a file in a group, and return the offer in her own chat."""
    bot.installed = {ADA}
    put(bot, data, chat=chat)
    assert get(bot, chat=chat)["text"] == WORDS.file_sent_alone.format(name="offer.docx", who="Ada")
    return consent_of(list(bot.chat().shown.values())[-1])


def test_without_a_sign_in_it_is_sent_to_ones_own_chat(bot: Teams, document: bytes) -> None:
    offer = asked_alone(bot, document)
    assert WORDS.file_from_group in str(list(bot.chat().shown.values())[-1])
    assert answer(bot, offer, user=BEN) == WORDS.file_not_open
    assert bot.uploaded == {}
    assert "in your OneDrive" in answer(bot, offer)
    assert bot.uploaded["x"] == document
    assert answer(bot, offer) == WORDS.file_not_open  # once


def test_who_is_not_in_the_group_any_more_gets_nothing_of_it(bot: Teams, document: bytes) -> None:
    offer = asked_alone(bot, document)
    bot.rosters["team"] = [BEN]
    assert answer(bot, offer) == WORDS.file_not_there.format(name="offer.docx")
    assert bot.uploaded == {}


def test_a_roster_that_is_silent_leaves_the_card_open(bot: Teams, document: bytes) -> None:
    offer = asked_alone(bot, document)
    bot.down = lambda method, path, body: 503 if "/members/" in path and "thread" in path else 0
    assert answer(bot, offer) == WORDS.roster_silent
    bot.down = lambda method, path, body: 0
    assert "in your OneDrive" in answer(bot, offer)


def test_a_file_that_changed_meanwhile_is_offered_as_it_is(bot: Teams, document: bytes) -> None:
    offer = asked_alone(bot, document)
    put(bot, document + b"\0", chat="team")
    answer(bot, offer)
    again = consent_of(list(bot.chat().shown.values())[-1])
    assert "in your OneDrive" in answer(bot, again)
    assert bot.uploaded["x"] == document + b"\0"


def test_declined_there_it_can_be_had_there(bot: Teams, document: bytes) -> None:
    offer = asked_alone(bot, document)
    assert answer(bot, offer, action="decline") == WORDS.file_declined_there.format(name="offer.docx")
    assert answer(bot, offer) == WORDS.file_not_open


def test_an_answer_from_a_group_is_none(bot: Teams, document: bytes) -> None:
    offer = asked_alone(bot, document)
    value = {"type": "fileUpload", "action": "accept", "context": {"offer": offer}}
    made = bot.activity(type="invoke", name="fileConsent/invoke", value=value, chat="other")
    (said,) = bot.does(made, chat="other")
    assert said["text"] == WORDS.file_not_open


def test_what_another_one_approved_goes_to_who_asked(bot: Teams, document: bytes) -> None:
    bot.installed = {ADA, BEN}
    bot.turns.bot.approvers.append(BEN)
    try:
        put(bot, document, chat="team")
        bot.say("make it twelve", chat="team")
        data = next(buttons(bot.chat(chat="team").shown[bot.open_card(chat="team")]))["data"]
        bot.press({**data, "do": "approve"}, user=BEN, chat="team")
    finally:
        bot.turns.bot.approvers.clear()
    assert not bot.chat(BEN).shown
    (asked,) = bot.chat().shown.values()
    assert "in your OneDrive" in answer(bot, consent_of(asked))
    assert bot.uploaded["x"] == (bot.room(chat="team") / "offer.docx").read_bytes() != document


def test_where_nothing_helps_words_say_what_would(bot: Teams, document: bytes) -> None:
    put(bot, document, chat="team")
    expected = WORDS.file_in_group.format(name="offer.docx", how=WORDS.file_group_account)
    assert get(bot, chat="team")["text"] == expected


# --- Microsoft 365 Copilot --------------------------------------------------------------------------------------------


def test_in_copilot_it_lies_in_ones_own_drive(bot: Teams, graph: Graph, document: bytes) -> None:
    sign_in(bot)
    put(bot, document)
    said = get(bot, channelData=_copilot())
    url = f"{HOST}/{FOLDER}/offer.docx"
    assert said["text"] == f"[offer.docx]({url})\n\n{WORDS.file_in_drive.format(folder=FOLDER)}"
    assert there(graph) == {"offer.docx": document}
    assert readers(graph) == []


def test_in_copilot_without_a_sign_in_it_is_sent_to_teams(bot: Teams, document: bytes) -> None:
    bot.installed = {ADA}
    put(bot, document)
    shown = bot.say("get offer.docx", channelData=_copilot())
    assert WORDS.file_sent_alone.format(name="offer.docx", who="Ada") in [each.get("text") for each in shown]
    (offer,) = [consent_of(each) for each in shown if "attachments" in each]
    assert "in your OneDrive" in answer(bot, offer)
    bot.installed = set()
    assert "this chat takes no files" in get(bot, channelData=_copilot())["text"]


def _copilot() -> dict[str, Any]:
    return {"tenant": {"id": TENANT}, "productContext": "COPILOT"}


# --- in: what people attach and paste ------------------------------------------------------------------------------


def repacked(document: bytes, change: dict[str, Callable[[bytes], bytes]], **more: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(document)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change.get(name, bytes)(old.read(name)))
        for name, data in more.items():
            new.writestr(name, data)
    return made.getvalue()


def encrypted() -> bytes:
    """Return what Office makes of a document with a password, as far as its directory says it."""
    names = ("Root Entry", "EncryptedPackage", "EncryptionInfo", "x")
    directory = b"".join(each.encode("utf-16-le").ljust(64, b"\0") + bytes(64) for each in names)
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + directory + bytes(1024)


_BODY = "word/document.xml"
_DTD = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
#: What a file is called and made of the document, and the one sentence that is said of it.
_NOT_TAKEN: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("empty.docx", lambda d: b"", "is empty"),
    ("big.txt", lambda d: b"x" * (6 * 2**20 + 1), "is larger than 6 MB"),
    ("bomb.docx", lambda d: repacked(d, {_BODY: lambda b: b"<a>" + bytes(70_000_000)}), "too much memory"),
    ("encrypted.docx", lambda d: encrypted(), "protected by a password"),
    ("legacy.doc", lambda d: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4096), "before 2007"),
    ("cut.docx", lambda d: d[: len(d) // 2], "damaged or cut off"),
    ("entity.docx", lambda d: repacked(d, {_BODY: lambda b: _DTD + b}), "declares a DOCTYPE"),
    ("leads.docx", lambda d: repacked(d, {}, **{"../../evil.txt": b"x"}), "an unsafe name"),
    ("run.exe", lambda d: b"MZ\x90\x00" + bytes(range(256)) * 4, "is a program"),
    ("many.zip", lambda d: repacked(b"PK\x05\x06" + bytes(18), {}, a=b"x"), "is a zip archive"),
    ("page.html", lambda d: b"<html><script>alert(1)</script></html>", "is a web page"),
    ("broken.pdf", lambda d: b"%PDF-1.7 nothing", "is cut off"),
]


def test_what_cant_be_taken_is_one_sentence_each(bot: Teams, document: bytes) -> None:
    before = outside(bot)
    sent = [bot.attached(name, make(document)) for name, make, _ in _NOT_TAKEN]
    problems, answer = bot.say("hello", attachments=[*sent, bot.attached("a.txt", b"A.")])
    told = problems["text"].split("\n\n")
    assert len(told) == len(_NOT_TAKEN)
    for line, (name, _, said) in zip(told, _NOT_TAKEN, strict=True):
        assert line.startswith(name)
        assert said in line
        assert "\n" not in line
    assert answer["text"].startswith("You said: hello")
    assert [path.name for path in bot.room().iterdir()] == ["a.txt"]  # the other one was taken
    assert outside(bot) == before


def outside(bot: Teams) -> set[Path]:
    """Return what lies in the host's folders beside people's rooms, the log and databases."""
    found = {path for path in bot.folder.rglob("*") if bot.turns.rooms.folder not in path.parents}
    return {path for path in found if "audit" not in path.parts and ".sqlite" not in path.name}


#: What a file is called, made of the document, and kept as.
_ODD: list[tuple[str, Callable[[bytes], bytes], str]] = [
    ("..", lambda d: b"dots", "file"),
    ("../../up.txt", lambda d: b"up", "up.txt"),
    ("CON.docx", lambda d: d, "_CON.docx"),
    ("\u202etxt.exe", lambda d: b"words", "txt.exe"),
    ("x" * 300 + ".txt", lambda d: b"long", "x" * 146 + ".txt"),
    (".mcp.json", lambda d: b"{}", "mcp.json"),
    ("a*b|c.txt", lambda d: b"signs", "a_b_c.txt"),
    ("image.docx", lambda d: b"\x89PNG\r\n\x1a\n" + bytes(100), "image.docx.png"),
    ("table.xlsx", lambda d: d, "table.xlsx.docx"),
    ("macro.docm", lambda d: repacked(d, {}, **{"word/vbaProject.bin": b"\xcc\x61"}), "macro.docm"),
]


def test_odd_files_are_kept_under_plain_names(bot: Teams, document: bytes) -> None:
    before = outside(bot)
    sent = [bot.attached(f"f{at}", make(document), called=name) for at, (name, make, _) in enumerate(_ODD)]
    (answer,) = bot.say("hello", attachments=sent)
    assert answer["text"].startswith("You said: hello")
    kept = {path.name: path.read_bytes() for path in bot.room().iterdir()}
    assert sorted(kept) == sorted(name for _, _, name in _ODD)
    assert all(kept[name] == make(document) for _, make, name in _ODD if name != "macro.docm")
    assert outside(bot) == before


def test_a_file_of_the_same_name_replaces_nothing(bot: Teams, document: bytes) -> None:
    bot.say("hello", attachments=[bot.attached("offer.docx", document)])
    bot.say("make it twelve")
    bot.press(bot.open_card())
    edited = (bot.room() / "offer.docx").read_bytes()
    assert edited != document
    bot.say("hello", attachments=[bot.attached("offer.docx", document)])
    found = {path.name: path.read_bytes() for path in bot.room().iterdir()}
    assert found == {"offer.docx": edited, "offer (2).docx": document}
    assert "offer (2).docx" in str(MODEL.seen[-1][-1].content)  # the model is told of the one that came


# --- in: by the account of who sent it ------------------------------------------------------------------------------


def lies(graph: Graph, name: str, data: bytes) -> str:
    """Put a file into Nina's OneDrive, and return its address."""
    from copilot.demo.microsoft365.drives import url

    drive = graph.drive("nina.keller")
    made = drive.store(drive.find("root"), name, data, {"user": {"id": "n", "displayName": "Nina"}}, "replace")
    return url(drive, made)


def test_a_link_is_opened_as_who_pasted_it(bot: Teams, graph: Graph, document: bytes) -> None:
    link = lies(graph, "Plan.docx", document)
    problem, *asked, answer = bot.say(f"summarise {link}")
    assert problem["text"] == WORDS.link_sign_in.format(name="Plan.docx")
    assert "signin" in str(asked)
    sign_in(bot)
    (answer,) = bot.say(f"summarise {link}")
    assert answer["text"].startswith("You said: summarise")
    assert (bot.room() / "Plan.docx").read_bytes() == document
    graph.drive("nina.keller").remove(graph.drive("nina.keller").find("root:/Plan.docx"), {})
    problem, answer = bot.say(f"summarise {link}")
    assert problem["text"].startswith("Plan.docx is not there any more")


def test_what_the_bot_shared_can_be_pasted_again(bot: Teams, graph: Graph, document: bytes) -> None:
    sign_in(bot)
    put(bot, document, chat="team")
    link = str(get(bot, chat="team")["attachments"][0]["contentUrl"])
    bot.say(f"hello {link}", chat="team")
    assert [path.name for path in bot.room(chat="team").iterdir()] == ["offer.docx"]  # it is the same one


def says(bot: Teams, graph: Graph, *files: tuple[str, str], text: str = "hello") -> dict[str, Any]:
    """Return what Teams gives the bot of a message in a group on which files hang: its words alone."""
    from copilot.demo.microsoft365.talk import say

    conversation = str(bot.activity(chat="team")["conversation"]["id"])
    nina = graph.state.user(NINA)
    assert nina is not None
    chats = graph.state.collection("chats")
    if conversation not in chats:
        chats.add({"id": conversation, "chatType": "group", "_members": [nina["id"]], "_read": {}})
    hung = [{"id": "1", "contentType": "reference", "contentUrl": url, "name": name} for name, url in files]
    made = say(graph.state, conversation, nina, {"body": {"content": text}, "attachments": hung})
    page = [{"contentType": "text/html", "content": f"<p>{text}</p>"}]
    return bot.activity(text, chat="team", id=made["id"], attachments=page)


def test_files_of_a_group_are_had_as_who_attached_them(bot: Teams, graph: Graph, document: bytes) -> None:
    sign_in(bot)
    one, two = lies(graph, "Plan.docx", document), "https://evil.example/x.docx"
    problem, answer = bot.does(says(bot, graph, ("Plan.docx", one), ("x.docx", two)), chat="team")
    assert problem["text"] == WORDS.file_elsewhere.format(name="x.docx")
    assert answer["text"].startswith("You said: hello")
    assert {path.name: path.read_bytes() for path in bot.room(chat="team").iterdir()} == {"Plan.docx": document}
    (answer,) = bot.does(says(bot, graph), chat="team")  # nothing hangs on it
    assert answer["text"].startswith("You said: hello")


def test_files_of_an_answer_in_a_channel_are_had_too(bot: Teams, graph: Graph, document: bytes) -> None:
    from copilot.demo.microsoft365.talk import say

    sign_in(bot)
    nina, url = graph.state.user(NINA), lies(graph, "Plan.docx", document)
    team = next(each["id"] for each in graph.state.groups if each["displayName"] == "Finance")
    channel = next(each["id"] for each in graph.state.collection("channels", team))
    first = say(graph.state, channel, nina, {"body": {"content": "first"}}, team)["id"]
    hung = [{"id": "1", "contentType": "reference", "contentUrl": url, "name": "Plan.docx"}]
    made = say(graph.state, channel, nina, {"body": {"content": "hello"}, "attachments": hung}, team, first)
    asked = bot.activity("hello", chat="team", id=made["id"], channelData={"tenant": {"id": TENANT}})
    asked["channelData"]["team"] = {"aadGroupId": team}
    asked["conversation"] |= {"id": f"{channel};messageid={first}", "conversationType": "channel"}
    bot.post(asked)
    (said,) = bot.chats[asked["conversation"]["id"]].shown.values()
    assert said["text"].startswith("You said: hello")
    assert "Plan.docx" in str(MODEL.seen[-1][-1].content)


def test_files_of_a_group_that_cant_be_had(bot: Teams, graph: Graph) -> None:
    (answer,) = bot.does(says(bot, graph), chat="team")
    assert answer["text"].startswith("You said: hello")
    tag = '<attachment id="7c1a0f9e-5b52-4e7c-9d0c-3f1f2a6b8c11"></attachment>'
    problem, _ = bot.say("hello", chat="team", attachments=[{"contentType": "text/html", "content": tag}])
    assert problem["text"] == WORDS.group_files_account
    quote = '<attachment id="1700000000000"></attachment>'
    assert len(bot.say("hello", chat="team", attachments=[{"contentType": "text/html", "content": quote}])) == 1
