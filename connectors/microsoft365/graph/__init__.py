"""A client of Microsoft Graph that knows nothing of mail, files or calendars."""

from __future__ import annotations

from .batch import Step
from .client import Graph, Tokens
from .delta import Delta, DeltaLinks
from .downloads import Downloaded
from .errors import GraphError, after
from .limiter import Limiter
from .models import GraphModel, Json
from .paging import Items, Page
from .requests import (
    IMMUTABLE_IDS,
    NATIONAL_URLS,
    TEXT_BODIES,
    Call,
    Reply,
    at,
    file_path,
    literal,
    page_size,
    timezone,
)
from .retry import Backoff, Clock
from .uploads import Session

__all__ = [
    "IMMUTABLE_IDS",
    "NATIONAL_URLS",
    "TEXT_BODIES",
    "Backoff",
    "Call",
    "Clock",
    "Delta",
    "DeltaLinks",
    "Downloaded",
    "Graph",
    "GraphError",
    "GraphModel",
    "Items",
    "Json",
    "Limiter",
    "Page",
    "Reply",
    "Session",
    "Step",
    "Tokens",
    "after",
    "at",
    "file_path",
    "literal",
    "page_size",
    "timezone",
]
