"""The answers of the fake, read by Microsoft's own models: no field may be unknown to them."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from enum import Enum
from typing import Any

import httpx
import pytest

from tests.oracle.answers import ASKED, Asked
from tests.vendors.graph import Graph

kiota = pytest.importorskip("kiota_serialization_json.json_parse_node", reason="pip install msgraph-sdk")
pytestmark = pytest.mark.filterwarnings("ignore")  # the SDK's own

#: Annotations are not properties: OData's own, and those of Graph.
_ANNOTATIONS = ("@odata.", "@microsoft.graph.")


#: Properties of the type Edm.Json, which the Python SDK leaves out (microsoftgraph/msgraph-sdk-python, issue 844).
_JSON = frozenset({"formulas", "formulasLocal", "formulasR1C1", "numberFormat", "text", "values", "valueTypes"})


#: Open types: what is in them are no properties, but ids that Graph is told (people, references).
_OPEN = frozenset(
    {"PlannerAssignments", "PlannerAppliedCategories", "PlannerChecklistItems", "PlannerExternalReferences"}
)


def model(name: str) -> Any:
    module, _, cls = name.rpartition(".")
    place = "msgraph.generated" if module.startswith(("users.", "search.query.")) else "msgraph.generated.models"
    return getattr(importlib.import_module(f"{place}.{module}"), cls)


def unknown(value: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of all that a model, or one in it, had no property for."""
    if isinstance(value, list):
        for number, each in enumerate(value):
            yield from unknown(each, f"{path}[{number}]")
    if not hasattr(value, "get_field_deserializers"):
        return
    for name, held in vars(value).items():
        if name == "additional_data" and type(value).__name__ not in _OPEN:
            left_out = _JSON if type(value).__name__.startswith("Workbook") else frozenset()
            yield from (f"{path}.{key}" for key in held if not _annotation(key) and key not in left_out)
        elif name != "additional_data" and not isinstance(held, Enum):
            yield from unknown(held, f"{path}.{name}")


def _annotation(key: str) -> bool:
    return any(part in key for part in _ANNOTATIONS)


def ids(graph: Graph) -> dict[str, str]:
    finance = graph.drive("Finance")
    return {
        "finance": finance.id,
        "mine": graph.drive("nina.keller").id,
        "budget": finance.find("root:/Budgets/Budget 2026.xlsx")["id"],
        "folder": finance.find("root:/Budgets")["id"],
        "me": graph.state.user("nina.keller@fabrikam.example")["id"],
        "tomas": graph.state.user("tomas.berg@fabrikam.example")["id"],
        "site": finance.resource["_owner"][1],
        "group": graph.state.groups.where(displayName="Finance")[0]["id"],
        "chat": next(iter(graph.state.collection("chats")))["id"],
        **_meetings(graph),
    }


def _meetings(graph: Graph) -> dict[str, str]:
    me = graph.state.user("nina.keller@fabrikam.example")["id"]
    meeting = next(iter(graph.state.collection("onlineMeetings", me)))
    series = graph.state.collection("events", me).where(type="seriesMaster")[0]
    return {"series": series["id"], "meeting": meeting["id"], "join": meeting["joinWebUrl"]}


def asked(client: httpx.Client, each: Asked, known: dict[str, str]) -> httpx.Response:
    path = each.path
    for name, id in known.items():
        path = path.replace(f"{{{name}}}", id)
    body = {"content": each.body} if isinstance(each.body, bytes) else {"json": each.body} if each.body else {}
    return client.request(each.method, path, headers=each.headers, **body)


def test_models_know_every_field(graph: Graph) -> None:
    known, wrong, values = ids(graph), [], 0
    with httpx.Client(base_url=f"{graph.url}/v1.0", headers=graph.headers(), verify=False) as client:
        for each in ASKED:
            answer = asked(client, each, known)
            is_error = each.model.endswith("ODataError")
            if (answer.status_code >= 400) != is_error:
                wrong.append(f"{each.method} {each.path}: {answer.status_code} {answer.text[:200]}")
                continue
            read = kiota.JsonParseNode(json.loads(answer.content)).get_object_value(model(each.model))
            values += 1
            wrong += [f"{each.method} {each.path}: {path}" for path in unknown(read)]
    assert not wrong, "\n".join(wrong)
    assert values >= len(ASKED)
