"""Word documents: read as structural Markdown with addresses, edited without touching anything else.

Bytes in, `Reading`, `Outline` or `Edited` out; nothing here knows of files, agents or models.
"""

from copilot.documents.word.change import add_table_row, apply_style, replace_paragraph, set_table_cell
from copilot.documents.word.create import contents, create
from copilot.documents.word.edits import OPERATIONS, edit
from copilot.documents.word.formatting import clear_formatting, format_paragraph, format_text
from copilot.documents.word.insert import add_list, add_table, insert_heading, insert_paragraphs
from copilot.documents.word.listing import continue_list, indent_list, restart_list, set_list
from copilot.documents.word.paragraphs import (
    copy_blocks,
    join_paragraphs,
    move_blocks,
    set_level,
    split_paragraph,
)
from copilot.documents.word.reader import excerpt, outline, read, style_names
from copilot.documents.word.redline import compare
from copilot.documents.word.remove import delete_blocks
from copilot.documents.word.replace import replace_text
from copilot.documents.word.revisions import Revision, accept, reject, track
from copilot.documents.word.search import Passage, find

__all__ = [
    "OPERATIONS",
    "Passage",
    "Revision",
    "accept",
    "add_list",
    "add_table",
    "add_table_row",
    "apply_style",
    "clear_formatting",
    "compare",
    "contents",
    "continue_list",
    "copy_blocks",
    "create",
    "delete_blocks",
    "edit",
    "excerpt",
    "find",
    "format_paragraph",
    "format_text",
    "indent_list",
    "insert_heading",
    "insert_paragraphs",
    "join_paragraphs",
    "move_blocks",
    "outline",
    "read",
    "reject",
    "replace_paragraph",
    "replace_text",
    "restart_list",
    "set_level",
    "set_list",
    "set_table_cell",
    "split_paragraph",
    "style_names",
    "track",
]
