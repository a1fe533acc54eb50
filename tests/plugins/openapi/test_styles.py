"""How values are written: the table of OpenAPI 3.1.1, section 4.8.12.5 ("Style Examples"), over a real connection."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.errors import ToolInputError
from copilot.plugins.openapi.bodies import Upload
from copilot.plugins.openapi.client import Client
from copilot.plugins.openapi.model import Body, Operation, Parameter
from copilot.plugins.service import Service
from tests.plugins.openapi.conftest import Served

TEXT, ARRAY, OBJECT = "blue", ["blue", "black", "brown"], {"R": 100, "G": 200, "B": 150}
#: place, style, explode, value, and what the standard's table says stands in the address.
TABLE: tuple[tuple[str, str, bool, Any, str], ...] = (
    ("path", "matrix", False, TEXT, ";color=blue"),
    ("path", "matrix", False, ARRAY, ";color=blue,black,brown"),
    ("path", "matrix", False, OBJECT, ";color=R,100,G,200,B,150"),
    ("path", "matrix", True, TEXT, ";color=blue"),
    ("path", "matrix", True, ARRAY, ";color=blue;color=black;color=brown"),
    ("path", "matrix", True, OBJECT, ";R=100;G=200;B=150"),
    ("path", "label", False, TEXT, ".blue"),
    ("path", "label", False, ARRAY, ".blue,black,brown"),
    ("path", "label", False, OBJECT, ".R,100,G,200,B,150"),
    ("path", "label", True, ARRAY, ".blue.black.brown"),
    ("path", "label", True, OBJECT, ".R=100.G=200.B=150"),
    ("path", "simple", False, TEXT, "blue"),
    ("path", "simple", False, ARRAY, "blue,black,brown"),
    ("path", "simple", False, OBJECT, "R,100,G,200,B,150"),
    ("path", "simple", True, OBJECT, "R=100,G=200,B=150"),
    ("path", "simple", False, "a/b ?#é", "a%2Fb%20%3F%23%C3%A9"),
    ("query", "form", False, TEXT, "color=blue"),
    ("query", "form", False, ARRAY, "color=blue,black,brown"),
    ("query", "form", False, OBJECT, "color=R,100,G,200,B,150"),
    ("query", "form", True, ARRAY, "color=blue&color=black&color=brown"),
    ("query", "form", True, OBJECT, "R=100&G=200&B=150"),
    ("query", "form", True, "", "color="),
    ("query", "form", True, "a&b=c+d", "color=a%26b%3Dc%2Bd"),
    ("query", "form", True, True, "color=true"),
    ("query", "spaceDelimited", False, ARRAY, "color=blue%20black%20brown"),
    ("query", "spaceDelimited", False, OBJECT, "color=R%20100%20G%20200%20B%20150"),
    ("query", "pipeDelimited", False, ARRAY, "color=blue%7Cblack%7Cbrown"),
    ("query", "pipeDelimited", False, OBJECT, "color=R%7C100%7CG%7C200%7CB%7C150"),
    ("query", "deepObject", True, OBJECT, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
    ("header", "simple", False, ARRAY, "blue,black,brown"),
    ("header", "simple", False, OBJECT, "R,100,G,200,B,150"),
    ("header", "simple", True, OBJECT, "R=100,G=200,B=150"),
    ("cookie", "form", False, TEXT, "color=blue"),
    ("cookie", "form", True, TEXT, "color=blue"),
)


def operation(served: Served, method: str = "GET", path: str = "/echo/x", **more: Any) -> Operation:
    return Operation("op", "op", method, path, served.url, "", {"properties": {}}, method == "GET", **more)


def client(served: Served, **more: Any) -> Client:
    return Client(Service("desk", (served.url,)), **more)


def test_every_style_is_written_as_the_standard_shows(served: Served) -> None:
    for place, style, explode, value, expected in TABLE:
        path = "/echo/{color}" if place == "path" else "/echo/x"
        parameter = Parameter("color", "color", place, style, explode)  # type: ignore[arg-type]
        called = operation(served, path=path, parameters=(parameter,))
        client(served).send(called, client(served).prepare(called, {"color": value}))
        seen = served.last()
        found = {"path": seen["path"][1:], "query": seen["query"]}
        found |= {"header": seen["headers"].get("color", ""), "cookie": seen["headers"].get("cookie", "")}
        assert found[place] == expected, (place, style, explode, value)


def test_allow_reserved_and_content_parameters(served: Served) -> None:
    parameters = (
        Parameter("at", "at", "query", "form", True, reserved=True),
        Parameter("where", "where", "query", "form", True, media="application/json"),
    )
    called = operation(served, parameters=parameters)
    prepared = client(served).prepare(called, {"at": "2024-01-01T10:00/x?&", "where": {"a": [1]}})
    assert prepared.url.endswith("?at=2024-01-01T10:00/x?%26&where=%7B%22a%22%3A%20%5B1%5D%7D")


@pytest.mark.parametrize("value", ["..", ".", ""])
def test_a_value_can_t_lead_to_another_path(served: Served, value: str) -> None:
    called = operation(served, path="/echo/{id}", parameters=(Parameter("id", "id", "path"),))
    with pytest.raises(ToolInputError):
        client(served).prepare(called, {"id": value})


def test_a_header_takes_no_second_line(served: Served) -> None:
    called = operation(served, parameters=(Parameter("trace", "X-Trace", "header"),))
    with pytest.raises(ToolInputError, match="header"):
        client(served).prepare(called, {"trace": "a\r\nX-Other: b"})


def sent(
    served: Served, body: Body, args: dict[str, Any], files: dict[str, list[Upload]] | None = None
) -> dict[str, Any]:
    called = operation(served, "POST", body=body)
    client(served).send(called, client(served).prepare(called, args, files), "key")
    return served.last()


def test_bodies(served: Served) -> None:
    flat = {"name": "name", "tags": "tags", "at": "at"}
    given = {"name": "Ann & Bob", "tags": ["a", "b c"], "at": {"x": 1}}
    json_ = sent(served, Body("application/json", "flat", fields=flat), given)
    assert json_["headers"]["content-type"] == "application/json"
    assert json_["body"] == b'{"name": "Ann & Bob", "tags": ["a", "b c"], "at": {"x": 1}}'
    patch = sent(served, Body("application/merge-patch+json", "whole", "body"), {"body": {"a": None}})
    assert (patch["headers"]["content-type"], patch["body"]) == ("application/merge-patch+json", b'{"a": null}')
    encoding = {"tags": {"explode": False}, "at": {"contentType": "application/json"}}
    form = sent(served, Body("application/x-www-form-urlencoded", "flat", fields=flat, encoding=encoding), given)
    assert form["body"] == b"name=Ann+%26+Bob&tags=a%2Cb+c&at=%7B%22x%22%3A+1%7D"
    text = sent(served, Body("text/plain", "text", "body"), {"body": "grüß"})
    assert text["body"] == "grüß".encode()
    octets = sent(
        served, Body("application/octet-stream", "file", "file"), {"file": "a.bin"}, {"": [Upload("a.bin", b"\0\1")]}
    )
    assert (octets["body"], octets["headers"]["content-type"]) == (b"\0\1", "application/octet-stream")


def test_multipart_is_read_by_another_reader(served: Served) -> None:
    from email.parser import BytesParser
    from email.policy import HTTP

    body = Body("multipart/form-data", "flat", fields={"note": "note", "meta": "meta", "file": "file"}, files=("file",))
    args = {"note": "hello", "meta": {"a": 1}, "file": "in/ö.docx"}
    seen = sent(served, body, args, {"file": [Upload("in/ö.docx", b"PK\3\4")]})
    head = f"Content-Type: {seen['headers']['content-type']}\r\n\r\n".encode()
    parts = list(BytesParser(policy=HTTP).parsebytes(head + seen["body"]).iter_parts())
    names = [part.get_param("name", header="content-disposition") for part in parts]
    assert names == ["note", "meta", "file"]
    assert parts[1].get_content_type() == "application/json"
    assert parts[2].get_payload(decode=True) == b"PK\3\4"


def test_the_service_gets_one_key_for_one_delivery(served: Served) -> None:
    body = Body("application/json", "whole", "body")
    first = sent(served, body, {"body": 1})["headers"]["idempotency-key"]
    assert first == sent(served, body, {"body": 1})["headers"]["idempotency-key"]
    assert "key" not in first
