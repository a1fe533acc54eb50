"""Microsoft Search over everything, and the retrieval API of Copilot.

Source: Microsoft Graph v1.0, "Use the Microsoft Search API to query data", "searchHit"; Microsoft 365 Copilot APIs,
"Retrieve grounding data".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from copilot.demo.microsoft365 import kql
from copilot.demo.microsoft365.call import Body, Call
from copilot.demo.microsoft365.contents import words_of
from copilot.demo.microsoft365.drive import searched
from copilot.demo.microsoft365.drive_access import may, view
from copilot.demo.microsoft365.drives import Drive
from copilot.demo.microsoft365.odata import plain
from copilot.demo.microsoft365.refusals import Refusal, bad_request, forbidden
from copilot.demo.microsoft365.routing import Routes
from copilot.demo.microsoft365.scopes import missing
from copilot.demo.microsoft365.state import Resource
from copilot.demo.microsoft365.talk import text_of

routes = Routes()

#: What is searched for a hit, the hit's id, and its resource.
Candidate = tuple[kql.Searched, str, Resource]

_NEEDS: Mapping[str, str] = {
    "driveItem": "Files.Read.All",
    "listItem": "Sites.Read.All",
    "list": "Sites.Read.All",
    "drive": "Files.Read.All",
    "site": "Sites.Read.All",
    "message": "Mail.Read",
    "event": "Calendars.Read",
    "chatMessage": "Chat.Read",
    "person": "People.Read",
}
#: Types that can be asked for together; the others go alone ("Known limitations").
_TOGETHER = frozenset({"driveItem", "listItem", "list", "drive", "site"})
_FEW = frozenset({"message", "event", "chatMessage"})
_WORDS_AROUND = 12


@routes.post("/search/query", needs=None)
def query(call: Call) -> Body:
    """Search; one request at a time."""
    requests = call.json().get("requests")
    if not isinstance(requests, list) or len(requests) != 1:
        raise bad_request("Only a single request is supported.", "BadRequest")
    asked = requests[0]
    kinds = asked.get("entityTypes") or []
    text = str((asked.get("query") or {}).get("queryString") or "")
    start, size = int(asked.get("from", 0)), int(asked.get("size", 25))
    _check(call, kinds, text, size)
    test = kql.parse(text)
    found = [each for kind in kinds for each in _FINDERS[kind](call) if test(each[0])]
    found.sort(key=lambda each: -_score(each[0], text))
    part = found[start : start + size]
    container: Resource = {
        "total": len(found),
        "moreResultsAvailable": start + size < len(found),
        **({"hits": [_hit(n, each, text) for n, each in enumerate(part, start + 1)]} if part else {}),
    }
    answer = {"searchTerms": kql.words(text), "hitsContainers": [container]}
    return {
        "@odata.context": call.link("/$metadata") + "#Collection(microsoft.graph.searchResponse)",
        "value": [answer],
    }


def _check(call: Call, kinds: list[str], text: str, size: int) -> None:
    if not kinds or any(kind not in _FINDERS for kind in kinds):
        raise bad_request(f"Invalid value for entityTypes: {', '.join(kinds) or 'none'}.", "BadRequest")
    if len(kinds) > 1 and not _TOGETHER.issuperset(kinds):
        raise bad_request("Aggregated search on these entity types is not supported.", "BadRequest")
    if not text.strip():
        raise bad_request("queryString is required.", "BadRequest")
    if size > (25 if _FEW.intersection(kinds) else 1000):
        raise bad_request("The size is out of range.", "BadRequest")
    for kind in kinds:
        if not call.grant.allows(_NEEDS[kind]):
            raise missing(_NEEDS[kind], call.grant)


def _hit(rank: int, found: Candidate, text: str) -> Resource:
    return {"hitId": found[1], "rank": rank, "summary": _summary(found[0].text, text), "resource": plain(found[2])}


def _score(searched: kql.Searched, text: str) -> int:
    whole = searched.text.casefold()
    return sum(whole.count(word) for word in kql.words(text))


def _summary(text: str, query: str) -> str:
    """Return the words around the first one that was looked for, which is marked by <c0>."""
    words, wanted = text.split(), kql.words(query)
    at = next((n for n, word in enumerate(words) if any(w in word.casefold() for w in wanted)), 0)
    part = words[max(at - _WORDS_AROUND, 0) : at + _WORDS_AROUND]
    marked = [f"<c0>{w}</c0>" if any(each in w.casefold() for each in wanted) else w for w in part]
    return " ".join(marked) + (" <ddd/>" if at + _WORDS_AROUND < len(words) else "")


# --- what there is ----------------------------------------------------------------------------------------------------


def _files(call: Call) -> Iterator[Candidate]:
    for drive, item in _readable(call):
        shown = view(call, drive, item, download=False)
        fields = {"title": item["name"], "informationProtectionLabelId": item.get("_label")}
        if item.get("_label"):
            shown["listItem"] = {"id": item["id"], "fields": fields}
        resource = {"@odata.type": "#microsoft.graph.driveItem", **shown}
        yield searched(drive, item), item["id"], resource


def _readable(call: Call) -> Iterator[tuple[Drive, Resource]]:
    for held in call.state.collection("drives"):
        drive = Drive(call.state, held)
        for item in drive.items:
            if "root" not in item and _may(call, drive, item):
                yield drive, item


def _may(call: Call, drive: Drive, item: Resource) -> bool:
    try:
        may(call, drive, item, "read")
    except Refusal:
        return False
    return True


def _sites(call: Call) -> Iterator[Candidate]:
    for site in call.state.collection("sites"):
        if call.grant.user in site["_members"]:
            text = f"{site['displayName']} {site['description']}"
            yield kql.Searched(text, {"title": site["displayName"]}), site["id"], _typed("site", site)


def _lists(call: Call) -> Iterator[Candidate]:
    for held in call.state.collection("drives"):
        if call.grant.user in (*held.get("_writers", ()), *held.get("_readers", ())):
            resource = {"id": held["id"], "displayName": held["name"], "webUrl": held["webUrl"]}
            yield kql.Searched(f"{held['name']} {held.get('_site_name', '')}", {}), held["id"], _typed("list", resource)


def _mail(call: Call) -> Iterator[Candidate]:
    names = ("id", "createdDateTime", "receivedDateTime", "subject", "bodyPreview", "from", "sender", "webLink")
    more = ("hasAttachments", "importance", "isDraft", "parentFolderId", "toRecipients")
    for mail in call.state.collection("messages", call.grant.user or ""):
        writer = (mail.get("from") or {}).get("emailAddress", {})
        words = re.sub(r"<[^>]+>", " ", str((mail.get("body") or {}).get("content", "")))
        fields = {
            "from": f"{writer.get('name', '')} {writer.get('address', '')}",
            "subject": mail.get("subject"),
            "received": mail.get("receivedDateTime"),
        }
        resource = {k: mail[k] for k in (*names, *more) if mail.get(k) is not None}
        text = f"{mail.get('subject', '')} {fields['from']} {words}"
        yield kql.Searched(text, fields), mail["id"], _typed("message", resource)


def _events(call: Call) -> Iterator[Candidate]:
    names = ("id", "subject", "start", "end", "organizer", "webLink", "location", "bodyPreview", "iCalUId", "isAllDay")
    for owner in call.state.owners("events"):
        if owner.partition("/")[0] == call.grant.user:
            for event in call.state.collection("events", owner):
                text = f"{event.get('subject', '')} {event.get('bodyPreview', '')}"
                resource = {k: event[k] for k in names if event.get(k) is not None}
                yield kql.Searched(text, {"subject": event.get("subject")}), event["id"], _typed("event", resource)


def _chats(call: Call) -> Iterator[Candidate]:
    names = ("id", "createdDateTime", "lastModifiedDateTime", "subject", "importance", "webUrl", "chatId")
    for place in call.state.owners("chatMessages"):
        for said in call.state.collection("chatMessages", place) if _heard(call, place) else ():
            if said["deletedDateTime"] or not said["from"]:
                continue
            name = said["from"]["user"]["displayName"]
            fields = {"from": name, "sent": said["createdDateTime"]}
            resource = {k: said[k] for k in names if said.get(k) is not None}
            resource["from"] = {"emailAddress": {"name": name, "address": _address(call, said)}}
            if said["channelIdentity"]:
                resource["channelIdentity"] = said["channelIdentity"]
            yield kql.Searched(text_of(said), fields), said["id"], _typed("chatMessage", resource)


def _heard(call: Call, place: str) -> bool:
    """Whether a person is in a chat, or in the team of a channel."""
    chat = call.state.collection("chats").get(place)
    if chat is not None:
        return call.grant.user in chat["_members"]
    teams = [owner for owner in call.state.owners("channels") if place in call.state.collection("channels", owner)]
    return any(call.grant.user in (call.state.groups.get(team) or {}).get("_members", ()) for team in teams)


def _address(call: Call, said: Resource) -> str:
    return str((call.state.users.get(said["from"]["user"]["id"]) or {}).get("mail", ""))


def _people(call: Call) -> Iterator[Candidate]:
    names = ("id", "displayName", "givenName", "surname", "jobTitle", "department", "userPrincipalName")
    for user in call.state.users:
        text = f"{user['displayName']} {user['mail']} {user['jobTitle']} {user['department']}"
        addresses = [{"address": user["mail"], "relevanceScore": 1.0}]
        resource = {k: user[k] for k in names} | {"scoredEmailAddresses": addresses}
        yield kql.Searched(text, {}), user["id"], _typed("person", resource)


def _typed(kind: str, resource: Resource) -> Resource:
    return {"@odata.type": f"#microsoft.graph.{kind}", **resource}


_FINDERS: Mapping[str, Callable[[Call], Iterator[Candidate]]] = {
    "driveItem": _files,
    "listItem": _files,
    "site": _sites,
    "list": _lists,
    "message": _mail,
    "event": _events,
    "chatMessage": _chats,
    "person": _people,
}


# --- retrieval --------------------------------------------------------------------------------------------------------


@routes.post("/copilot/retrieval", needs="Files.Read.All")
def retrieval(call: Call) -> Body:
    """Return extracts of files that may answer a question; 403 where the tenant has no Copilot (collection "off")."""
    if call.state.collection("off").where(what="retrieval"):
        raise forbidden("The user does not have a license for Microsoft 365 Copilot.", "Forbidden")
    body = call.json()
    question = str(body.get("queryString") or "")
    if not question or len(question) > 1500 or body.get("dataSource") not in ("sharePoint", "oneDriveBusiness"):
        raise bad_request("queryString or dataSource is not valid.", "BadRequest")
    most = int(body.get("maximumNumberOfResults", 25))
    if not 1 <= most <= 25:
        raise bad_request("maximumNumberOfResults must be between 1 and 25.", "BadRequest")
    test = kql.parse(str(body.get("filterExpression") or ""))
    wanted = {word.casefold().strip(".,?!") for word in question.split() if len(word) > 2}
    found: list[tuple[float, Resource]] = []
    for drive, item in _readable(call):
        if test(searched(drive, item)) and (score := _overlap(_passage(call, item, wanted), wanted)):
            found.append((score, _retrieved(call, drive, item, wanted, score)))
    found.sort(key=lambda each: -each[0])
    return {
        "@odata.context": call.link("/$metadata") + "#microsoft.graph.retrievalResponse",
        "retrievalHits": [each for _, each in found[:most]],
    }


def _passage(call: Call, item: Resource, wanted: set[str]) -> str:
    """Return the lines of a file that have most of the wanted words."""
    lines = [line.strip() for line in words_of(call.state, item).splitlines() if line.strip()]
    best = sorted(lines, key=lambda line: -_overlap(line, wanted))[:2]
    return "\n".join(line[:600] for line in lines if line in best)


def _overlap(text: str, wanted: set[str]) -> float:
    said = {word.casefold().strip(".,?!-()") for word in text.split()}
    return round(len(said & wanted) / max(len(wanted), 1), 4)


def _retrieved(call: Call, drive: Drive, item: Resource, wanted: set[str], score: float) -> Resource:
    hit: dict[str, Any] = {
        "webUrl": unquote(str(view(call, drive, item, download=False)["webUrl"])),
        "extracts": [{"text": _passage(call, item, wanted), "relevanceScore": score}],
        "resourceType": "listItem",
        "resourceMetadata": {
            "title": item["name"],
            "author": item["createdBy"].get("user", {}).get("displayName", ""),
        },
    }
    if label := call.state.collection("labels").get(item.get("_label") or ""):
        hit["sensitivityLabel"] = {
            "sensitivityLabelId": label["id"],
            "displayName": label["name"],
            "toolTip": label["toolTip"],
            "priority": 2,
            "color": "#FF0000",
        }
    return hit
