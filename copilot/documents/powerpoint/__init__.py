"""PowerPoint files: read, searched, edited and made."""

from __future__ import annotations

from copilot.documents.powerpoint.create import create
from copilot.documents.powerpoint.edit import add_slide, set_title
from copilot.documents.powerpoint.notes import set_notes
from copilot.documents.powerpoint.paragraphs import Bullet
from copilot.documents.powerpoint.plan import SlidePlan, from_outline, from_reading
from copilot.documents.powerpoint.read import find, notes, outline, read, slide_texts
from copilot.documents.powerpoint.replace import replace_text

__all__ = [
    "Bullet",
    "SlidePlan",
    "add_slide",
    "create",
    "find",
    "from_outline",
    "from_reading",
    "notes",
    "outline",
    "read",
    "replace_text",
    "set_notes",
    "set_title",
    "slide_texts",
]
