"""Mail: the fake's part by its protocol, and our client of it under trouble."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from copilot.connectors.microsoft365 import connector, mail_shapes
from copilot.errors import ServiceError
from copilot.plugins.connections import Connections
from copilot.plugins.connections import loop as loops
from copilot.plugins.connections.mail import Address, Enclosure, Letter, Mail, Marks, Query
from copilot.settings import AccountSettings
from tests.vendors.graph import Graph

TOMAS = {"emailAddress": {"address": "tomas.berg@fabrikam.example"}}
IMMUTABLE = {"Prefer": 'IdType="ImmutableId"'}


@pytest.fixture
def client(graph: Graph) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{graph.url}/v1.0", headers=graph.headers(), trust_env=False) as made:
        yield made


@pytest.fixture
def mail(graph: Graph, home: Path) -> Iterator[Mail]:
    held = Connections(
        {"work": AccountSettings.model_validate(graph.account())}, home, graph.env, lambda name: connector
    )
    client = held.connect("work").graph  # type: ignore[attr-defined]
    client.backoff = replace(client.backoff, first=0.001)
    yield held.of("mail")
    loops.close()


def first(client: httpx.Client, query: str = "$search=%22subject:final%22", **headers: str) -> Any:
    return client.get(f"/me/messages?{query}", headers=headers).json()["value"][0]


# --- the fake ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", '/me/messages?$search="x"&$filter=isRead eq true', None, 400, "SearchWithFilter"),
        ("GET", '/me/messages?$search="x"&$orderby=subject', None, 400, "SearchWithOrderBy"),
        ("GET", "/me/messages?$filter=isRead eq true&$orderby=receivedDateTime", None, 400, "InefficientFilter"),
        ("GET", "/me/messages?$top=1001", None, 400, "BadRequest"),
        ("GET", "/me/messages/nothing", None, 404, "ErrorItemNotFound"),
        ("GET", "/users/priya.raman@fabrikam.example/messages", None, 403, "ErrorAccessDenied"),
        ("POST", "/me/mailFolders", {"displayName": "projects"}, 409, "ErrorFolderExists"),
        ("POST", "/me/sendMail", {"message": {"subject": "x"}}, 400, "ErrorInvalidRecipients"),
        ("POST", "/me/sendMail", {"message": {"toRecipients": [{}]}}, 400, "RequestBodyRead"),
        ("PATCH", "/me/messages/{id}", {"subject": "x"}, 400, "ErrorInvalidPropertySet"),
        ("POST", "/me/messages/{id}/send", None, 404, "ErrorItemNotFound"),
        ("POST", "/me/messages/{id}/move", {"destinationId": "nowhere"}, 404, "ErrorItemNotFound"),
        (
            "POST",
            "/me/messages/{id}/createReply",
            {"comment": "a", "message": {"body": {}}},
            400,
            "ErrorInvalidRequest",
        ),
        (
            "POST",
            "/me/messages/{id}/attachments/createUploadSession",
            {"AttachmentItem": {}},
            400,
            "ErrorInvalidArgument",
        ),
    ],
)
def test_what_the_fake_refuses(client: httpx.Client, method: str, path: str, body: Any, status: int, code: str) -> None:
    answer = client.request(method, path.replace("{id}", first(client)["id"]), json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_usual_ids_change_when_a_message_is_moved(client: httpx.Client) -> None:
    usual, immutable = first(client)["id"], first(client, **IMMUTABLE)["id"]
    moved = client.post(f"/me/messages/{usual}/move", json={"destinationId": "archive"}).json()["id"]
    assert client.get(f"/me/messages/{usual}").status_code == 404
    assert client.get(f"/me/messages/{moved}").status_code == 200
    assert client.get(f"/me/messages/{immutable}", headers=IMMUTABLE).json()["id"] == immutable


def test_mail_arrives_also_by_a_group(graph: Graph, client: httpx.Client) -> None:
    group = {"emailAddress": {"address": "finance@fabrikam.example"}}
    file = {
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": "a.txt",
        "contentBytes": base64.b64encode(b"x").decode(),
    }
    letter = {"subject": "All", "toRecipients": [group], "bccRecipients": [TOMAS], "attachments": [file]}
    assert client.post("/me/sendMail", json={"message": letter}).status_code == 202
    other = client.get(
        "/me/mailFolders/inbox/messages?$filter=subject eq 'All'&$expand=attachments",
        headers=graph.headers("tomas.berg@fabrikam.example"),
    ).json()["value"]
    assert [(m["isRead"], m["bccRecipients"], m["attachments"][0]["name"]) for m in other] == [(False, [], "a.txt")]


@pytest.mark.parametrize(
    ("kind", "to", "cc", "files"),
    [
        ("createReply", ["priya.raman"], [], 0),
        ("createReplyAll", ["priya.raman"], ["tomas.berg"], 0),
        ("createForward", [], [], 1),
    ],
)
def test_answers_are_drafted(client: httpx.Client, kind: str, to: list[str], cc: list[str], files: int) -> None:
    id = first(client, "$search=%22subject:figures from:priya%22")["id"]
    made = client.post(f"/me/messages/{id}/{kind}", json={"comment": "Thanks"}).json()
    names = [[r["emailAddress"]["address"].partition("@")[0] for r in made[f"{k}Recipients"]] for k in ("to", "cc")]
    assert (names, made["isDraft"]) == ([to, cc], True)
    assert "Thanks" in made["body"]["content"]
    assert "marketing needs" in made["body"]["content"]
    assert len(client.get(f"/me/messages/{made['id']}/attachments").json()["value"]) == files


def test_changes_of_a_folder_are_followed(client: httpx.Client) -> None:
    whole, link = [], "/me/mailFolders/inbox/messages/delta"
    while link:
        page = client.get(link, headers={"Prefer": "odata.maxpagesize=2"}).json()
        whole += page["value"]
        link = page.get("@odata.nextLink", "")
    assert len(whole) == 5
    id = first(client)["id"]
    client.patch(f"/me/messages/{id}", json={"isRead": True})
    client.delete(f"/me/messages/{first(client, '$search=%22subject:invoice%22')['id']}")
    changed = client.get(page["@odata.deltaLink"]).json()["value"]
    assert sorted("@removed" in each for each in changed) == [False, True]


def test_bodies_as_text_and_mime(client: httpx.Client) -> None:
    id = first(client, "$search=%22subject:invoice%22")["id"]
    text = client.get(f"/me/messages/{id}", headers={"Prefer": 'outlook.body-content-type="text"'}).json()["body"]
    assert text["contentType"] == "text"
    assert "<p>" not in text["content"]
    assert b"Subject: Invoice" in client.get(f"/me/messages/{id}/$value").content


# --- our client -------------------------------------------------------------------------------------------------------


def letter(subject: str, size: int = 0) -> Letter:
    files = (Enclosure("a.bin", b"x" * size),) if size else ()
    return Letter((Address("tomas.berg@fabrikam.example"),), subject, "t", "<p>t</p>", files=files)


@pytest.mark.parametrize("path", ["/messages$", "/attachments$", "/send$"])
@pytest.mark.parametrize("kind", ["reset_after", "error_after", "throttle", "unavailable", "truncate"])
def test_a_letter_goes_out_once_whatever_breaks(graph: Graph, mail: Mail, kind: str, path: str) -> None:
    before = len(graph.state.collection("deliveries"))
    more = {"seconds": 0} if kind in ("throttle", "unavailable", "error_after") else {}
    graph.faults.next(kind, path=path, method="POST", **more)
    mail.send(letter("Once", 10), "key")
    mail.send(letter("Once", 10), "key")
    assert len(graph.state.collection("deliveries")) == before + 1
    sent = [m for m in graph.state.collection("messages", owner(graph)) if m["subject"] == "Once"]
    assert len(sent) == 1
    held = [a for a in graph.state.collection("attachments", owner(graph)) if a["_message"] == sent[0]["id"]]
    assert len(held) == 1


def owner(graph: Graph) -> str:
    user = graph.state.user("nina.keller@fabrikam.example")
    assert user is not None
    return str(user["id"])


def test_many_letters_under_trouble(graph: Graph, mail: Mail) -> None:
    before = len(graph.state.collection("deliveries"))
    graph.faults.mixed([("throttle", 0.05), ("reset_after", 0.02)], seconds=0)
    for number in range(12):
        mail.send(letter(f"N{number}"), f"key{number}")
    graph.faults.clear()
    sent = [m["subject"] for m in graph.state.collection("messages", owner(graph)) if m["subject"].startswith("N")]
    assert sorted(sent) == sorted(f"N{number}" for number in range(12))
    assert len(graph.state.collection("deliveries")) == before + 12


def test_a_letter_that_is_refused_leaves_no_draft(graph: Graph, mail: Mail) -> None:
    graph.faults.next("forbidden", path="/send$")
    with pytest.raises(ServiceError) as caught:
        mail.send(letter("Never"), "key")
    assert caught.value.code == "denied"
    assert not [m for m in graph.state.collection("messages", owner(graph)) if m["subject"] == "Never"]


def test_a_shared_mailbox_is_one_of_its_own(graph: Graph, mail: Mail) -> None:
    office = "finance.office@fabrikam.example"
    assert [h.subject for h in mail.search(Query(), mailbox=office).items] == ["Supplier invoices of May"]
    mail.send(letter("From the office"), "key", mailbox=office)
    assert [h.sender.address for h in mail.search(Query(folder="sentitems"), mailbox=office).items] == [office]


def test_a_read_only_account_changes_nothing(graph: Graph, home: Path) -> None:
    settings = {"work": AccountSettings.model_validate(graph.account())}
    held = Connections(settings, home, graph.env, lambda name: connector, writes=False)
    found: Mail = held.of("mail")
    head = found.search(Query()).items[0]
    for work in (lambda: found.send(letter("x"), "k"), lambda: found.mark([head.id], Marks(read=True))):
        with pytest.raises(ServiceError, match="read-only"):
            work()
    loops.close()


def test_queries_are_written_so_that_words_stay_words() -> None:
    asked = Query(words='a" OR from:"b \\', sender='x" received>2020', attachment=True)
    assert mail_shapes.params_of(asked) == {
        "$search": r'"\"a\" \"OR\" \"from: b\" from:\"x received>2020\" hasAttachments:true"'
    }
    assert mail_shapes.params_of(Query(category="it's", unread=True))["$filter"].endswith(
        "isRead eq false and categories/any(c:c eq 'it''s')"
    )
