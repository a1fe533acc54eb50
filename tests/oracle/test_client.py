"""Microsoft's own client against the fake: it signs in, pages, uploads, batches and explains as with the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.vendors.graph import Graph

msgraph = pytest.importorskip("msgraph", reason="pip install msgraph-sdk")
pytestmark = pytest.mark.filterwarnings("ignore")  # the SDK's own


class _Bearer:
    """Puts the fake's token on what goes to Graph; the SDK's own provider wants https."""

    def __init__(self, base: str, headers: dict[str, str]) -> None:
        self._base, self._headers = base, headers

    async def authenticate_request(self, request: Any, additional: Any = None) -> None:
        for name, value in self._headers.items() if request.url.startswith(self._base) else ():
            request.headers.try_add(name, value)


@pytest.fixture
async def client(graph: Graph) -> AsyncIterator[Any]:
    from msgraph.graph_request_adapter import GraphRequestAdapter, options
    from msgraph_core import GraphClientFactory

    transport = httpx.AsyncHTTPTransport(trust_env=False)  # the SDK's own transport does not close it
    inner = httpx.AsyncClient(transport=transport)
    middle = GraphClientFactory.create_with_default_middleware(options=options, client=inner)
    adapter = GraphRequestAdapter(_Bearer(graph.url, graph.headers()), client=middle)
    adapter.base_url = f"{graph.url}/v1.0"
    yield msgraph.GraphServiceClient(request_adapter=adapter)
    await transport.aclose()


async def test_people_and_files(client: Any, graph: Graph) -> None:
    me = await client.me.get()
    assert me.user_principal_name == "nina.keller@fabrikam.example"
    drive = graph.drive("Finance")
    items = client.drives.by_drive_id(drive.id).items
    listed = await items.by_drive_item_id("root").children.get()
    assert [each.name for each in listed.value] == ["Budget policy.txt", "Budgets", "Reviews"]
    budget = await items.by_drive_item_id("root:/Budgets/Budget 2026.xlsx:").get()
    content = await items.by_drive_item_id(budget.id).content.get()
    assert len(content) == budget.size
    found = await items.by_drive_item_id("root").search_with_q("marketing").get()
    assert "Budget 2026.xlsx" in {each.name for each in found.value}
    versions = await items.by_drive_item_id(budget.id).versions.get()
    assert [each.id for each in versions.value] == ["2.0", "1.0"]


async def test_uploads_and_conflicts(client: Any, graph: Graph) -> None:
    from msgraph.generated.models.o_data_errors.o_data_error import ODataError

    drive = graph.drive("Finance")
    item = client.drives.by_drive_id(drive.id).items.by_drive_item_id("root:/new.txt:")
    made = await item.content.put(b"hello")
    assert (made.name, made.file.hashes.quick_xor_hash) == ("new.txt", "aCgDG9jwBgAAAAAABQAAAAAAAAA=")
    config = type(item.content).ContentRequestBuilderPutRequestConfiguration
    options = config()
    options.headers.add("If-Match", '"other"')
    with pytest.raises(ODataError) as refused:
        await item.content.put(b"again", request_configuration=options)
    assert refused.value.response_status_code == 412
    assert refused.value.error.code == "resourceModified"


async def test_upload_sessions(client: Any, graph: Graph) -> None:
    """The session by the SDK, the ranges as documented: its own LargeFileUploadTask sends the last range twice."""
    from msgraph.generated.drives.item.items.item.create_upload_session import (
        create_upload_session_post_request_body as bodies,
    )

    drive, data, piece = graph.drive("Finance"), bytes(range(256)) * 5000, 327680
    item = client.drives.by_drive_id(drive.id).items.by_drive_item_id("root:/big.bin:")
    session = await item.create_upload_session.post(bodies.CreateUploadSessionPostRequestBody())
    assert session.next_expected_ranges == ["0-"]
    async with httpx.AsyncClient(trust_env=False) as bare:
        for at in range(0, len(data), piece):
            part = data[at : at + piece]
            headers = {"Content-Range": f"bytes {at}-{at + len(part) - 1}/{len(data)}"}
            answer = await bare.put(session.upload_url, content=part, headers=headers)
            assert answer.status_code == (201 if at + piece >= len(data) else 202)
    assert (await item.get()).size == len(data)
    assert graph.state.blobs.get(drive.find("root:/big.bin")["_blob"]) == data


async def test_throttling_is_waited_for(client: Any, graph: Graph) -> None:
    graph.faults.next("throttle", seconds=0)
    assert (await client.me.get()).display_name == "Nina Keller"
    assert graph.faults.met == {"throttle": 1}


async def test_workbooks(client: Any, graph: Graph) -> None:
    drive = graph.drive("Finance")
    budget = drive.find("root:/Budgets/Budget 2026.xlsx")
    book = client.drives.by_drive_id(drive.id).items.by_drive_item_id(budget["id"]).workbook
    sheet = book.worksheets.by_workbook_worksheet_id("Budget")
    used = await sheet.used_range.get()
    assert used.address == "Budget!A1:E5"
    cell = await sheet.range_with_address("D2").get()
    assert (cell.row_count, cell.column_count) == (1, 1)
