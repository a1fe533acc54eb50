"""Drives of the fake: content, versions, conflicts, locks, uploads, sharing, changes; workbooks by their cells."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from copilot.demo.microsoft365.drives import identity
from copilot.documents import excel
from tests.vendors.graph import Graph

PIECE = 320 * 1024
BUDGET = "root:/Budgets/Budget 2026.xlsx"


class Files:
    """A client of one drive, and one without a token for the pre-authenticated URLs."""

    def __init__(self, graph: Graph, drive: str, headers: dict[str, str]) -> None:
        self.graph, self.drive = graph, graph.drive(drive)
        self.client = httpx.Client(
            base_url=f"{graph.url}/v1.0/drives/{self.drive.id}", headers=headers, trust_env=False
        )
        self.bare = httpx.Client(trust_env=False, verify=False)

    def ask(self, method: str, path: str, status: int = 200, **more: Any) -> Any:
        answer = self.client.request(method, path, **more)
        assert answer.status_code == status, answer.text
        return answer.json() if "json" in answer.headers.get("Content-Type", "") else answer

    def content(self, path: str) -> bytes:
        return self.bare.get(self.ask("GET", f"{path}/content", 302).headers["Location"]).content

    def begin(self, name: str, **item: Any) -> str:
        asked = {f"@microsoft.graph.{k}" if k == "conflictBehavior" else k: v for k, v in item.items()}
        return str(self.ask("POST", f"/root:/{name}:/createUploadSession", json={"item": asked})["uploadUrl"])

    def put(self, url: str, data: bytes, first: int, size: int) -> httpx.Response:
        header = f"bytes {first}-{first + len(data) - 1}/{size}"
        return self.bare.put(url, content=data, headers={"Content-Range": header})

    def close(self) -> None:
        self.client.close()
        self.bare.close()


@pytest.fixture
def files(graph: Graph) -> Any:
    made = Files(graph, "Finance", graph.headers())
    yield made
    made.close()


@pytest.fixture
def others(graph: Graph) -> Any:
    made = Files(graph, "Finance", graph.headers("tomas.berg@fabrikam.example"))
    yield made
    made.close()


def test_places_lead_to_the_same_drive(graph: Graph, files: Files) -> None:
    site = files.drive.resource["_owner"][1]
    url = files.ask("GET", f"/{BUDGET}")["webUrl"]
    with httpx.Client(base_url=f"{graph.url}/v1.0", headers=graph.headers(), trust_env=False, verify=False) as client:
        for path in (f"/sites/{site}/drive", "/sites/fabrikam.sharepoint.example:/sites/Finance:/drive"):
            assert client.get(path).json()["id"] == files.drive.id
        assert [each["displayName"] for each in client.get("/sites?search=finance").json()["value"]] == ["Finance"]
        assert client.get("/sites/nowhere").status_code == 404
        share = "u!" + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
        assert client.get(f"/shares/{share}/driveItem").json()["name"] == "Budget 2026.xlsx"
        mine = client.get("/me/drive").json()
        assert (mine["driveType"], mine["quota"]["state"]) == ("business", "normal")
        assert client.get("/me/drive/root/children").json()["value"][0]["folder"] == {"childCount": 1}
        assert client.get("/me/drive/special/documents").json()["name"] == "Documents"


def test_content_goes_by_a_url_without_a_token(files: Files) -> None:
    url = files.ask("GET", f"/{BUDGET}:/content", 302).headers["Location"]
    data = files.drive.state.blobs.get(files.drive.find(BUDGET)["_blob"])
    whole, part = files.bare.get(url), files.bare.get(url, headers={"Range": "bytes=4-9"})
    assert (whole.content, part.status_code, part.content) == (data, 206, data[4:10])
    assert part.headers["Content-Range"] == f"bytes 4-9/{len(data)}"
    assert files.bare.get(url, headers={"Range": "bytes=-5"}).content == data[-5:]
    assert files.bare.get(url, headers={"Range": f"bytes={len(data)}-"}).status_code == 416
    assert files.bare.get(url, headers={"Authorization": "Bearer x"}).status_code == 401
    assert files.bare.get(url[:-1]).status_code == 401
    files.graph.state.advance(3600)
    assert files.bare.get(url).status_code == 401
    assert not url.startswith(files.graph.url)


def test_tags(files: Files, others: Files) -> None:
    item = files.ask("GET", f"/{BUDGET}")
    assert files.client.get(f"/{BUDGET}", headers={"If-None-Match": item["eTag"]}).status_code == 304
    others.ask("PATCH", f"/{BUDGET}", json={"description": "new"})
    after = files.ask("GET", f"/{BUDGET}")
    assert (after["eTag"] != item["eTag"], after["cTag"] == item["cTag"]) == (True, True)
    refused = files.ask("PUT", f"/{BUDGET}:/content", 412, content=b"x", headers={"If-Match": item["eTag"]})
    assert refused["error"]["code"] == "resourceModified"
    made = files.ask("PUT", f"/{BUDGET}:/content", content=b"x", headers={"If-Match": f'W/"z",{after["eTag"]}'})
    assert made["cTag"] != item["cTag"]
    files.ask("PUT", "/root:/none.txt:/content", 412, content=b"x", headers={"If-Match": item["eTag"]})
    files.ask("DELETE", f"/{BUDGET}", 412, headers={"If-Match": item["eTag"]})


@pytest.mark.parametrize(
    ("behavior", "status", "name"), [("fail", 409, None), ("replace", 200, "a.txt"), ("rename", 201, "a 1.txt")]
)
def test_clashes(files: Files, behavior: str, status: int, name: str | None) -> None:
    files.ask("PUT", "/root:/A.txt:/content", 201, content=b"1")
    query = {"@microsoft.graph.conflictBehavior": behavior}
    made = files.ask("PUT", "/root:/a.txt:/content", status, content=b"2", params=query)
    assert made.get("name", "").lower() == (name or "")
    whole = files.begin("b.txt", conflictBehavior=behavior)
    assert files.put(whole, b"3", 0, 1).status_code == 201


def test_folders_moves_and_deletes(files: Files) -> None:
    files.ask("PUT", "/root:/New/deep/a.txt:/content", 201, content=b"1")
    files.ask("POST", "/root:/New:/children", 409, json={"name": "deep", "folder": {}})
    for bad in ("a/b", "a:b", "CON", " x", "x.", "~$a.docx", ""):
        files.ask("POST", "/root/children", 400, json={"name": bad, "folder": {}})
    new, deep = files.ask("GET", "/root:/New"), files.ask("GET", "/root:/New/deep")
    files.ask("PATCH", f"/items/{new['id']}", 400, json={"parentReference": {"id": deep["id"]}})
    moved = files.ask("PATCH", f"/items/{deep['id']}", json={"parentReference": {"path": "/drive/root:"}, "name": "up"})
    assert (moved["name"], moved["parentReference"]["path"]) == ("up", f"/drives/{files.drive.id}/root:")
    assert files.content("/root:/up/a.txt:") == b"1"
    files.ask("PATCH", f"/items/{deep['id']}", 409, json={"name": "budgets"})
    files.ask("DELETE", f"/items/{deep['id']}", 204)
    files.ask("GET", "/root:/up/a.txt", 404)
    files.ask("DELETE", "/root", 400)


def test_versions(files: Files, others: Files) -> None:
    for text in (b"one", b"two", b"three"):
        item = others.ask("PUT", "/root:/v.txt:/content", 201 if text == b"one" else 200, content=text)
    path = f"/items/{item['id']}"
    listed = files.ask("GET", f"{path}/versions")["value"]
    assert [(v["id"], v["size"]) for v in listed] == [("3.0", 5), ("2.0", 3), ("1.0", 3)]
    assert listed[0]["lastModifiedBy"]["user"]["displayName"] == "Tomas Berg"
    assert files.content(f"{path}/versions/1.0") == b"one"
    files.ask("POST", f"{path}/versions/1.0/restoreVersion", 204)
    assert files.content(path) == b"one"
    assert files.ask("GET", f"{path}/versions")["value"][0]["id"] == "4.0"
    files.ask("POST", f"{path}/versions/4.0/restoreVersion", 400)
    files.ask("GET", f"{path}/versions/9.0", 404)


def test_locks_and_check_out(files: Files, others: Files) -> None:
    item = files.drive.find(BUDGET)
    tomas = files.graph.state.user("tomas.berg@fabrikam.example")
    item["_open"] = identity(tomas)["user"]
    told = files.ask("PUT", f"/{BUDGET}:/content", 423, content=b"x")["error"]["message"]
    assert "tomas.berg@fabrikam.example" in told
    item["_open"] = None
    data = files.content(f"/{BUDGET}:")
    others.ask("POST", f"/{BUDGET}:/checkout", 204)
    files.ask("PUT", f"/{BUDGET}:/content", 423, content=b"x")
    files.ask("POST", f"/{BUDGET}:/checkout", 423)
    assert files.ask("GET", f"/{BUDGET}")["publication"]["level"] == "checkout"
    others.ask("PUT", f"/{BUDGET}:/content", content=b"changed")
    others.ask("POST", f"/{BUDGET}:/discardCheckout", 204)
    assert files.content(f"/{BUDGET}:") == data
    files.drive.resource["_checkout_required"] = True
    files.ask("PUT", f"/{BUDGET}:/content", 423, content=b"x")
    files.ask("POST", f"/{BUDGET}:/checkout", 204)
    files.ask("PUT", f"/{BUDGET}:/content", content=b"x")
    files.ask("POST", f"/{BUDGET}:/checkin", 204, json={"comment": "done"})
    files.ask("POST", f"/{BUDGET}:/checkin", 400)


def test_upload_sessions(files: Files) -> None:
    data = bytes(range(256)) * 4000
    url = files.begin("big.bin")
    assert files.put(url, data[:1000], 0, len(data)).status_code == 400
    assert files.put(url, data[PIECE:], PIECE, len(data)).status_code == 416
    assert files.put(url, data[:PIECE], 0, len(data)).json()["nextExpectedRanges"] == [f"{PIECE}-{len(data) - 1}"]
    assert files.put(url, data[:PIECE], 0, len(data)).status_code == 416
    assert files.bare.get(url).json()["nextExpectedRanges"] == [f"{PIECE}-{len(data) - 1}"]
    assert files.put(url, data[PIECE:], PIECE, len(data)).status_code == 201
    assert files.content("/root:/big.bin:") == data
    assert files.bare.get(url).status_code == 404
    files.ask("POST", "/root:/big.bin:/createUploadSession", 409, json={})
    old = files.begin("other.bin")
    files.graph.state.advance(24 * 3600 + 1)
    assert files.put(old, b"x", 0, 1).status_code == 404


def test_an_upload_meets_what_others_did_meanwhile(files: Files) -> None:
    item = files.ask("PUT", "/root:/v.txt:/content", 201, content=b"one")
    path, match = f"/items/{item['id']}/createUploadSession", {"If-Match": item["eTag"]}
    url = files.ask("POST", path, headers=match, json={})["uploadUrl"]
    files.ask("PUT", "/root:/v.txt:/content", content=b"two")
    assert files.put(url, b"three", 0, 5).status_code == 412
    files.ask("POST", path, 412, headers=match, json={})
    assert files.content("/root:/v.txt:") == b"two"
    cancelled = files.begin("x.bin")
    assert files.bare.delete(cancelled).status_code == 204
    assert files.put(cancelled, b"x", 0, 1).status_code == 404


def test_a_full_drive(files: Files) -> None:
    files.drive.resource["_total"] = files.drive.used + 10
    assert files.ask("PUT", "/root:/a:/content", 507, content=b"x" * 11)["error"]["code"] == "quotaLimitReached"
    files.ask("POST", "/root:/b:/createUploadSession", 507, json={"item": {"fileSize": 11}})
    files.ask("PUT", "/root:/a:/content", 201, content=b"x" * 10)
    assert files.ask("GET", "")["quota"]["remaining"] == 0
    files.ask("DELETE", "/root:/a", 204)
    assert files.ask("GET", "")["quota"]["remaining"] == 10


def test_copies(files: Files) -> None:
    def ended(name: str) -> Any:
        url = files.ask("POST", "/root:/Budgets:/copy", 202, json={"name": name}).headers["Location"]
        first, second = files.bare.get(url), files.bare.get(url)
        assert (first.status_code, first.json()["status"]) == (202, "inProgress")
        return second.json()

    assert ended("Reviews")["error"]["code"] == "nameAlreadyExists"
    made = ended("Budgets copy")
    names = [each["name"] for each in files.ask("GET", f"/items/{made['resourceId']}/children")["value"]]
    assert names == ["Budget 2025.xlsx", "Budget 2026.xlsx"]


def test_changes(files: Files, others: Files) -> None:
    def follow(answer: Any) -> tuple[list[Any], str]:
        found = list(answer["value"])
        while "@odata.nextLink" in answer:
            answer = files.client.get(answer["@odata.nextLink"]).json()
            found += answer["value"]
        return found, answer["@odata.deltaLink"]

    items, link = follow(files.ask("GET", "/root/delta?$top=2"))
    assert len(items) == len(files.drive.items)
    assert follow(files.client.get(link).json())[0] == []
    latest = files.ask("GET", "/root/delta(token='latest')")
    others.ask("DELETE", "/root:/Budgets/Budget 2025.xlsx", 204)
    others.ask("PUT", "/root:/Budgets/new.txt:/content", 201, content=b"x")
    for since in (link, latest["@odata.deltaLink"]):
        changed, _ = follow(files.client.get(since).json())
        assert [each.get("name") or each["deleted"]["state"] for each in changed] == ["deleted", "new.txt"]
    files.drive.items.forget()
    gone = files.client.get(link)
    assert (gone.status_code, gone.json()["error"]["code"]) == (410, "resyncRequired")
    assert files.client.get(gone.headers["Location"]).status_code == 200
    files.ask("GET", "/root/delta?token=made-up", 400)


def test_sharing(graph: Graph, files: Files) -> None:
    made = files.ask("POST", f"/{BUDGET}:/createLink", 201, json={"type": "view", "scope": "organization"})
    again = files.ask("POST", f"/{BUDGET}:/createLink", 200, json={"type": "view", "scope": "organization"})
    assert made["id"] == again["id"]
    files.ask("POST", f"/{BUDGET}:/createLink", 403, json={"type": "edit", "scope": "anonymous"})
    files.ask("POST", f"/{BUDGET}:/createLink", 400, json={"type": "steal"})
    leo = Files(graph, "Finance", graph.headers("leo.martin@fabrikam.example"))
    leo.ask("GET", f"/{BUDGET}", 403)
    linked = Files(graph, "Finance", graph.headers("priya.raman@fabrikam.example"))
    share = "u!" + base64.urlsafe_b64encode(made["link"]["webUrl"].encode()).decode().rstrip("=")
    linked.ask("GET", f"{graph.url}/v1.0/shares/{share}/driveItem")
    linked.ask("GET", f"/{BUDGET}")
    linked.close()
    asked = {"recipients": [{"email": "leo.martin@fabrikam.example"}], "roles": ["read"]}
    (invited,) = files.ask("POST", f"/{BUDGET}:/invite", json=asked)["value"]
    assert invited["grantedToV2"]["siteUser"]["loginName"].endswith("|leo.martin@fabrikam.example")
    assert leo.ask("GET", f"/{BUDGET}")["shared"] == {"scope": "organization"}
    leo.ask("PUT", f"/{BUDGET}:/content", 403, content=b"x")
    listed = files.ask("GET", f"/{BUDGET}:/permissions")["value"]
    assert [each["roles"] for each in listed] == [["write"], ["read"], ["read"]]
    files.ask("PATCH", f"/{BUDGET}:/permissions/{invited['id']}", json={"roles": ["write"]})
    leo.ask("PUT", f"/{BUDGET}:/content", content=b"x")
    files.ask("DELETE", f"/{BUDGET}:/permissions/{invited['id']}", 204)
    leo.ask("GET", f"/{BUDGET}", 403)
    leo.close()


def test_labels(files: Files) -> None:
    (label,) = files.ask("POST", f"/{BUDGET}:/extractSensitivityLabels")["labels"]
    known = files.graph.state.collection("labels").get(label["sensitivityLabelId"])
    assert known is not None
    assert known["name"] == "Confidential"
    files.ask("POST", f"/{BUDGET}:/assignSensitivityLabel", 400, json={"sensitivityLabelId": "made-up"})
    files.ask("POST", f"/{BUDGET}:/assignSensitivityLabel", 202, json={"sensitivityLabelId": ""})
    assert files.ask("POST", f"/{BUDGET}:/extractSensitivityLabels")["labels"] == []


def test_search_looks_into_files(files: Files) -> None:
    found = files.ask("GET", "/root/search(q='marketing fair')")["value"]
    assert [each["name"] for each in found] == ["Budget review 2026-05-27.md"]
    assert {e["name"] for e in files.ask("GET", "/root/search(q='filetype:xlsx')")["value"]} == {
        "Budget 2025.xlsx",
        "Budget 2026.xlsx",
    }


def test_cells_of_an_open_workbook(files: Files) -> None:
    item = files.drive.find(BUDGET)
    item["_open"] = identity(files.graph.state.user("sofia.lind@fabrikam.example"))["user"]
    book, before = f"/items/{item['id']}/workbook", len(item["_versions"])
    session = files.ask("POST", f"{book}/createSession", 201, json={"persistChanges": True})["id"]
    headers, range_ = {"workbook-session-id": session}, f"{book}/worksheets/Budget/range(address='D2:E2')"
    assert files.ask("GET", range_)["values"] == [[125000, 131000]]
    written = files.ask("PATCH", range_, json={"values": [[137000, "=D2+1"]]}, headers=headers)
    assert (written["values"], written["formulas"][0][1]) == ([[137000, 137001]], "=D2+1")
    files.ask("PATCH", range_, json={"values": [[137500, None]]}, headers=headers)
    assert len(item["_versions"]) == before + 1
    real = excel.read_range(files.content(f"/items/{item['id']}"), "Budget", "D2:E2")
    assert real.values == [[137500, 137501]]
    files.ask("PATCH", range_, 400, json={"values": [[1]]}, headers=headers)
    files.ask("GET", f"{book}/worksheets/Nothing", 404)
    files.ask("GET", f"{book}/worksheets", 404, headers={"workbook-session-id": "made-up"})
    files.ask("POST", f"{book}/closeSession", 204, headers=headers)
    files.ask("GET", range_, 404, headers=headers)


def test_tables_and_sessions_that_keep_nothing(files: Files) -> None:
    item = files.drive.find(BUDGET)
    book = f"/items/{item['id']}/workbook"
    session = files.ask("POST", f"{book}/createSession", 201, json={"persistChanges": False})["id"]
    headers, rows = {"workbook-session-id": session}, f"{book}/tables/Budget2026/rows"
    added = files.ask("POST", f"{rows}/add", 201, json={"values": [["HR", 1, 2, 3, 4]]}, headers=headers)
    assert added["index"] == 4
    assert len(files.ask("GET", rows, headers=headers)["value"]) == 5
    assert len(files.ask("GET", rows)["value"]) == 4
    assert files.ask("GET", f"{book}/tables/Budget2026/headerRowRange")["address"] == "Budget!A1:E1"
    files.graph.state.advance(8 * 60)
    files.graph.fake.tokens.change(expires=files.graph.state.now().replace(year=2030))
    files.ask("GET", rows, 404, headers=headers)
