"""Word documents: read as structural Markdown with addresses, edited without touching anything else.

Bytes in, `Reading`, `Outline` or `Edited` out; nothing here knows of files, agents or models.
"""

from copilot.documents.word.change import add_table_row, apply_style, replace_paragraph, set_table_cell
from copilot.documents.word.create import contents, create
from copilot.documents.word.insert import add_list, add_table, insert_heading, insert_paragraphs
from copilot.documents.word.reader import excerpt, outline, read, style_names
from copilot.documents.word.remove import delete_blocks
from copilot.documents.word.replace import Passage, find, replace_text

__all__ = [
    "Passage",
    "add_list",
    "add_table",
    "add_table_row",
    "apply_style",
    "contents",
    "create",
    "delete_blocks",
    "excerpt",
    "find",
    "insert_heading",
    "insert_paragraphs",
    "outline",
    "read",
    "replace_paragraph",
    "replace_text",
    "set_table_cell",
    "style_names",
]
