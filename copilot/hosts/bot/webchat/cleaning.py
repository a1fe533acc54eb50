"""Removing what nobody comes back to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from copilot.jobs.database import Database


def sweep(database: Database, before: float) -> int:
    """Remove conversations that were last written to before then (seconds since 1970); return how many."""
    import sqlalchemy as sa

    from copilot.hosts.bot.webchat.tables import ACTIVITIES, CONVERSATIONS, FILES, PIECES

    old = sa.select(CONVERSATIONS.c.id).where(CONVERSATIONS.c.touched < before)
    files = sa.select(FILES.c.id).where(FILES.c.conversation.in_(old))
    with database.engine.begin() as link:
        link.execute(PIECES.delete().where(PIECES.c.file.in_(files)))
        link.execute(FILES.delete().where(FILES.c.conversation.in_(old)))
        link.execute(ACTIVITIES.delete().where(ACTIVITIES.c.conversation.in_(old)))
        return int(link.execute(CONVERSATIONS.delete().where(CONVERSATIONS.c.touched < before)).rowcount)
