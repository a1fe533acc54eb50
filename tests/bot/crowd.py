"""People of several tenants and chats, as channels tell of them, for tests of who may see what."""

from __future__ import annotations

from typing import Any

from copilot.hosts.bot.people import Person, person
from copilot.sections.bot import BotSettings
from tests.bot.issuing import APP, OTHER_TENANT, SERVICE, TENANT

BOT_ID = f"28:{APP}"
CHANNEL = {"kind": "channel", "app": "", "tenant": "", "service_url": SERVICE}
ADA, BEN = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
BOT = BotSettings(app_id=APP, tenant=TENANT, account="work")


def said(
    text: str = "hello", *, user: str = ADA, tenant: str = TENANT, chat: str = "personal", **more: Any
) -> dict[str, Any]:
    """A message of Teams; in a group it mentions the bot."""
    conversation: dict[str, Any] = {"id": f"a:{user}", "conversationType": "personal", "tenantId": tenant}
    mention = {"type": "mention", "mentioned": {"id": BOT_ID, "name": "Everpilot"}, "text": "<at>Everpilot</at>"}
    if chat != "personal":
        conversation = {"id": f"19:{chat}@thread.v2", "conversationType": "groupChat", "tenantId": tenant}
        text, more = f"<at>Everpilot</at> {text}", {"entities": [mention], **more}
    return {
        "type": "message",
        "id": "m1",
        "channelId": "msteams",
        "serviceUrl": SERVICE,
        "from": {"id": f"29:{user}", "name": "Ada", "aadObjectId": user},
        "recipient": {"id": BOT_ID, "name": "Everpilot"},
        "conversation": conversation,
        "channelData": {"tenant": {"id": tenant}},
        "text": text,
        **more,
    }


def somebody(**how: Any) -> Person:
    settings = BotSettings(app_id=APP, tenants=[TENANT, OTHER_TENANT], account="work")
    found = person(said(**how), CHANNEL, settings)
    assert isinstance(found, Person)
    return found
