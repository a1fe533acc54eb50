"""Answers as Microsoft's documentation shows them, word for word where it matters."""

from __future__ import annotations

from typing import Any

import pytest

from copilot.connectors.microsoft365.graph import Call, GraphError, Reply
from tests.connectors.microsoft365.graph.serving import Desk, Says

#: "Combine multiple HTTP requests using JSON batching", the example response; its ids begin with 1.
BATCH: list[dict[str, Any]] = [
    {
        "id": "1",
        "status": 200,
        "headers": {"OData-Version": "4.0", "Content-Type": "application/json;odata.metadata=minimal"},
        "body": {
            "@odata.context": "https://graph.microsoft.com/beta/$metadata#directoryObjects",
            "@odata.nextLink": "https://graph.microsoft.com/beta/me/memberOf?$top=1&$skiptoken=RFNwdAoAAQAAAAAA",
            "value": [{"@odata.type": "#microsoft.graph.directoryRole", "deletedDateTime": None}],
        },
    },
    {
        "id": "2",
        "status": 403,
        "headers": {
            "X-Tasks-CorrelationId": "18a8e521-78a4-4129-9b6b-d678116464e7",
            "Content-Type": "application/json",
        },
        "body": {
            "error": {
                "code": "",
                "message": "You do not have the required permissions to access this item.",
                "innerError": {
                    "date": "2025-02-13T10:17:05",
                    "request-id": "93b6f17e-c05d-4f45-ad2a-6665c708d8a0",
                    "client-request-id": "e70c5c1b-8b47-68c0-3171-3d22f5e0bd54",
                },
            }
        },
    },
    {
        "id": "3",
        "status": 403,
        "headers": {"Content-Type": "application/json"},
        "body": {
            "error": {
                "code": "Authorization_RequestDenied",
                "message": "Insufficient privileges to complete the operation.",
                "innerError": {"date": "2025-02-13T10:17:06", "request-id": "93b6f17e-c05d-4f45-ad2a-6665c708d8a0"},
            }
        },
    },
    {
        "id": "4",
        "status": 405,
        "headers": {"Content-Type": "application/json"},
        "body": {
            "error": {
                "code": "Request_BadRequest",
                "message": "Specified HTTP method is not allowed for the request target.",
                "innerError": {"date": "2025-02-13T10:21:18", "request-id": "3a3b1bf7-3596-4493-8264-de81e028071f"},
            }
        },
    },
]


async def test_the_batch_of_the_documentation(desk: Desk) -> None:
    answers = [each | {"id": str(int(each["id"]) - 1)} for each in BATCH]
    desk.server.script(Says(200, {"responses": answers}))
    calls = [Call("GET", "/me/memberOf"), Call("GET", "/me/planner/tasks"), Call("DELETE", "/groups/1")]
    first, *others = await desk.graph.batch(
        [*calls, Call("POST", "/users/1/getPasswordSingleSignOnCredentials", json={})]
    )
    assert isinstance(first, Reply)
    assert first.json["value"][0]["deletedDateTime"] is None
    errors = [each for each in others if isinstance(each, GraphError)]
    assert [each.code for each in errors] == ["denied", "scope", "unsupported"]
    assert errors[0].request_id == "93b6f17e-c05d-4f45-ad2a-6665c708d8a0"
    assert "You do not have the required permissions to access this item (403, 93b6f17e" in str(errors[0])


#: "Microsoft Graph error responses and resource types", "driveItem: createUploadSession", "driveItem: delta".
ERRORS = [
    (416, {"code": "invalidRange", "message": "Uploaded fragment overlaps with existing data."}, "invalid"),
    (409, {"code": "nameAlreadyExists", "message": "Another file exists with the same name."}, "conflict"),
    (
        401,
        {"code": "InvalidAuthenticationToken", "message": "Access token has expired or is not yet valid."},
        "signed_out",
    ),
    (
        403,
        {"code": "accessDenied", "message": "Denied.", "innererror": {"code": "accessRestricted"}},
        "denied",
    ),
    (
        400,
        {"code": "invalidRequest", "message": "x", "innerError": {"code": "entityTagDoesNotMatch"}},
        "conflict",
    ),
    (
        404,
        {"code": "MailboxNotEnabledForRESTAPI", "message": "The mailbox is either inactive or hosted on-premise."},
        "unsupported",
    ),
    (507, {"code": "insufficientStorage", "innererror": {"code": "quotaLimitReached"}}, "full"),
    (503, {"code": "ServiceUnavailable", "message": "Busy"}, "unreachable"),
]


@pytest.mark.parametrize(("status", "error", "code"), ERRORS)
async def test_errors_of_the_documentation(desk: Desk, status: int, error: dict[str, Any], code: str) -> None:
    desk.server.handler = lambda asked: Says(status, {"error": error})
    with pytest.raises(GraphError) as caught:
        await desk.graph.get("/x", what="the thing")
    assert (caught.value.code, caught.value.status) == (code, status)
