"""The parts that answer, each a module with `routes`; a new part is a line here."""

from __future__ import annotations

from typing import Protocol

from copilot.demo.microsoft365 import (
    calendar,
    calendar_schedule,
    directory,
    drive,
    drive_content,
    drive_sharing,
    drive_versions,
    mail,
    mail_attachments,
    meetings,
    people,
    planner,
    search,
    sites,
    tasks,
    teams,
    workbook,
)
from copilot.demo.microsoft365.routing import Routes


class Part(Protocol):
    """A module with routes."""

    @property
    def routes(self) -> Routes:
        """Its routes."""
        ...


PARTS: tuple[Part, ...] = (
    directory,
    sites,
    drive,
    drive_content,
    drive_versions,
    drive_sharing,
    workbook,
    mail,
    mail_attachments,
    calendar,
    calendar_schedule,
    meetings,
    people,
    planner,
    search,
    tasks,
    teams,
)
