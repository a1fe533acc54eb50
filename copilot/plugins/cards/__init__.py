"""Adaptive Cards: the templating language that fills them with data, and cards as text.

Microsoft's Adaptive Cards Template Language and Adaptive Expressions, read as data: no code is ever run.
"""

from __future__ import annotations

from copilot.plugins.cards.templating import Expanded, expand, fill
from copilot.plugins.cards.text import markdown

__all__ = ["Expanded", "expand", "fill", "markdown"]
