"""Mail over a real IMAP and a real SMTP server, through the interface and through the skill."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from copilot.connectors.imap import connector
from copilot.connectors.imap.names import decoded, encoded
from copilot.connectors.imap.options import Options
from copilot.errors import ServiceError, SettingsError
from copilot.plugins.connections import Account, Connections
from copilot.plugins.connections.mail import Address, Enclosure, Letter, Mail, Marks, Query
from copilot.plugins.context import ToolContext
from copilot.plugins.loader import load
from copilot.settings import AccountSettings
from copilot.workspace.workspace import Workspace
from tests.connectors.imap.conftest import PASSWORD, Post

ENV = {"EVERPILOT_TEST_MAIL": PASSWORD}
_numbers = itertools.count(1)


@pytest.fixture
def mail(post: Post, home: Path) -> Mail:
    found: Mail = post.connections(home).of("mail")
    return found


def letter(subject: str, text: str = "Hello.", **headers: str) -> bytes:
    made = EmailMessage()
    made["Message-ID"] = f"<m{next(_numbers)}@example.org>"
    made["From"], made["To"], made["Subject"] = "Tomas Berg <tomas@example.org>", "nina@example.org", subject
    for name, value in headers.items():
        del made[name.replace("_", "-")]
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made.as_bytes()


WRITTEN = Letter((Address("tomas@example.org", "Tomas"),), "Q3 größer", "Hello **you**.", "<p>Hello <b>you</b>.</p>")


def test_mail_is_found_and_read(mail: Mail, post: Post) -> None:
    post.put(letter("Budget Q3", "The **numbers** are ready?"), when='"28-May-2026 15:25:00 +0000"')
    post.put(letter("Größe", "Die Maße der Kisten", From="Jürgen <j@example.org>"), flags="(\\Seen)")
    post.put(letter("Old", "gone"), folder="Trash")
    subjects = [
        (Query(), ["Größe", "Budget Q3"]),
        (Query(words="numbers"), ["Budget Q3"]),
        (Query(words="Maße Kisten"), ["Größe"]),
        (Query(sender="tomas", unread=True), ["Budget Q3"]),
        (Query(subject='a" DELETED "'), []),
        (Query(until=datetime(2026, 5, 28, 15, 25, tzinfo=UTC)), []),
        (Query(since=datetime(2026, 5, 28, 15, 25, tzinfo=UTC), subject="Budget"), ["Budget Q3"]),
        (Query(folder="Trash"), ["Old"]),
    ]
    for query, wanted in subjects:
        assert [head.subject for head in mail.search(query).items] == wanted, query
    head = mail.search(Query(words="numbers")).items[0]
    assert (head.sender, head.unread, head.preview) == (
        Address("tomas@example.org", "Tomas Berg"),
        True,
        "The **numbers** are ready?",
    )
    assert mail.read(head.id).text == "The **numbers** are ready?\n"
    assert mail.search(Query(words="numbers")).items[0].unread


def test_pages_and_folders(mail: Mail, post: Post) -> None:
    for number in range(5):
        post.put(letter(f"N{number}"), when=f'"0{number + 1}-May-2026 10:00:00 +0000"')
    first = mail.search(Query(), limit=2)
    second = mail.search(Query(), limit=2, page=first.page)
    third = mail.search(Query(), limit=2, page=second.page)
    assert [h.subject for each in (first, second, third) for h in each.items] == ["N4", "N3", "N2", "N1", "N0"]
    assert not third.page
    inbox = mail.folders()[0]
    assert (inbox.path, inbox.role, inbox.total, inbox.unread) == ("INBOX", "inbox", 5, 5)
    assert {f.role for f in mail.folders()} >= {"sent", "drafts", "trash", "junk", "archive"}


def test_ids_stay_when_a_mail_is_moved(mail: Mail, post: Post) -> None:
    post.put(letter("Move me"))
    id = mail.search(Query()).items[0].id
    mail.mark([id], Marks(read=True, flagged=True))
    with pytest.raises(ServiceError, match=r"keeps no categories \(Finance_team\)"):  # as this server does not
        mail.mark([id], Marks(add=("Finance team",)))
    mail.move([id], "Projects")
    head = mail.read(id).head
    assert (head.folder, head.unread, head.flagged) == ("Projects", False, True)
    mail.mark([id], Marks(read=False, remove=("Finance team",)))
    assert mail.read(id).head.unread
    mail.move([id], "Trash")
    assert [h.subject for h in mail.search(Query(folder="Trash")).items] == ["Move me"]
    with pytest.raises(ServiceError, match="no id of a mail"):
        mail.read("nonsense")


def test_threads_follow_references(mail: Mail, post: Post) -> None:
    post.put(letter("First", Message_ID="<root@example.org>"), when='"01-May-2026 10:00:00 +0000"')
    post.put(
        letter("Re: First", References="<root@example.org>", In_Reply_To="<root@example.org>"),
        folder="Sent",
        when='"02-May-2026 10:00:00 +0000"',
    )
    post.put(letter("Other"))
    id = mail.search(Query(subject="Re: First")).items[0].id
    assert [head.subject for head in mail.thread(id)] == ["First", "Re: First"]


def test_a_letter_goes_out_once_and_is_kept(mail: Mail, post: Post) -> None:
    sent = Letter(
        **{
            **fields(WRITTEN),
            "bcc": (Address("boss@example.org"),),
            "files": (Enclosure("a b.csv", b"1,2\n", "text/csv"),),
        }
    )
    assert mail.send(sent, "key") == "A copy is in the sent items."
    assert "already" in mail.send(sent, "key")
    ((people, taken),) = post.outbox.taken
    assert people == ["tomas@example.org", "boss@example.org"]
    assert taken["Bcc"] is None
    assert [part.get_content_type() for part in taken.walk()][-3:] == ["text/plain", "text/html", "text/csv"]
    kept = mail.read(mail.search(Query(folder="Sent")).items[0].id)
    assert (kept.head.subject, kept.head.unread, [p.name for p in kept.parts]) == ("Q3 größer", False, ["a b.csv"])
    assert mail.content(kept.head.id, kept.parts[0].id) == b"1,2\n"
    assert [str(each) for each in mail.people("tomas")] == ["Tomas <tomas@example.org>"]


def fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


def test_answers_say_what_they_answer(mail: Mail, post: Post) -> None:
    post.put(letter("First", Message_ID="<root@example.org>"))
    id = mail.search(Query()).items[0].id
    mail.send(Letter(**{**fields(WRITTEN), "answers": "reply", "answered": id}), "key")
    assert post.outbox.taken[0][1]["In-Reply-To"] == "<root@example.org>"
    assert len(mail.thread(id)) == 2


def test_a_draft_is_kept_once_and_sent(mail: Mail, post: Post) -> None:
    id = mail.draft(WRITTEN, "key")
    assert mail.draft(WRITTEN, "key") == id
    assert mail.read(id).head.draft
    assert not post.outbox.taken
    mail.send_draft(id, "other")
    assert post.outbox.taken[0][0] == ["tomas@example.org"]
    assert not mail.search(Query(folder="Drafts")).items


def test_what_is_refused_and_what_is_not_known(mail: Mail, post: Post) -> None:
    post.outbox.refuses = {"tomas@example.org"}
    with pytest.raises(ServiceError, match="nothing was sent") as refused:
        mail.send(WRITTEN, "key")
    assert refused.value.code == "invalid"
    two = Letter(**{**fields(WRITTEN), "cc": (Address("ann@example.org"),)})
    assert "Not delivered to tomas@example.org" in mail.send(two, "key2")
    post.outbox.refuses, post.outbox.breaks = set(), True
    with pytest.raises(ServiceError) as lost:
        mail.send(WRITTEN, "key3")
    assert lost.value.code == "uncertain"


@pytest.mark.parametrize(
    ("more", "env", "told", "code"),
    [
        ({}, {"EVERPILOT_TEST_MAIL": "wrong-password"}, "does not accept the password", "signed_out"),
        ({}, {}, "has no password: secret_env", "signed_out"),
        ({"imap_port": 1}, ENV, "does not answer", "unreachable"),
        ({"secret_env": "", "secret_cmd": "false"}, ENV, "secret_cmd", "signed_out"),
    ],
)
def test_servers_that_do_not_let_us(
    post: Post, home: Path, more: dict[str, Any], env: dict[str, str], told: str, code: str
) -> None:
    settings = AccountSettings.model_validate(post.account(**more))
    held = Connections({"post": settings}, home, env, lambda name: connector)
    with pytest.raises(ServiceError, match=told) as caught:
        held.of("mail").folders()
    assert caught.value.code == code
    assert "wrong-password" not in str(caught.value)


def test_a_session_that_broke_is_made_anew(mail: Any, post: Post) -> None:
    post.put(letter("Here"))
    mail.folders()
    mail.mailbox._client.shutdown()
    assert [head.subject for head in mail.search(Query()).items] == ["Here"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"address": "a@corp.example", "secret_env": "X"}, "set imap_host"),
        ({"address": "a@gmail.com"}, "needs one of secret_env"),
        ({"address": "a@gmail.com", "secret_env": "X", "secret_cmd": "y"}, "needs one of"),
        (
            {"address": "a@gmail.com", "secret_env": "X", "imap_host": "h.example", "imap_security": "none"},
            "plain text",
        ),
        ({"address": "no address", "secret_env": "X"}, "address"),
        ({"address": "a@gmail.com", "secret_env": "X", "colour": "red"}, "colour"),
    ],
)
def test_settings_that_can_not_be(options: dict[str, Any], told: str, home: Path) -> None:
    settings = AccountSettings.model_validate({"connector": "imap", **options})
    with pytest.raises(SettingsError, match=told):
        connector.connect(Account("post", settings, home))


def test_large_providers_are_known(home: Path) -> None:
    settings = AccountSettings.model_validate({"connector": "imap", "address": "a@gmail.com", "secret_env": "X"})
    found = Options.of(Account("post", settings, home))
    assert (found.imap, found.smtp, found.keeps) == (("imap.gmail.com", 993), ("smtp.gmail.com", 465), False)


@pytest.mark.parametrize("name", ["Entwürfe", "A & B", "日本語", "plain", "&", "~peter/mail/台北"])
def test_folder_names_are_written_in_modified_utf_7(name: str) -> None:
    assert encoded(name).isascii()
    assert decoded(encoded(name)) == name


def test_the_skill_works_over_imap_as_well(mail: Mail, post: Post, home: Path, folder: Path) -> None:
    post.put(letter("Can you send the numbers?", "By Friday, please."))
    tools = {name: tool for name, tool in load().tools().items() if tool.skill == "mail"}

    def call(name: str, **arguments: Any) -> Any:
        context = ToolContext(Workspace([folder], home / "w").staging(), connections=post.connections(home))
        return tools[f"mail.{name}"].stage(context, arguments)

    id = call("search", query="numbers").data["mails"][0]["id"]
    out = call("reply", message=id, body="Here they are.")
    assert out.recipients == ("tomas@example.org",)
    out.deliver("k")
    assert post.outbox.taken[0][1]["Subject"] == "Re: Can you send the numbers?"
    call("delete", messages=[id]).deliver("k")
    assert call("search", folder="inbox").data["mails"] == []
    with pytest.raises(ServiceError, match="account of its own"):
        call("search", mailbox="other@example.org")
