"""Word documents: read as structural Markdown with addresses, edited without touching anything else.

Bytes in, `Reading`, `Outline` or `Edited` out; nothing here knows of files, agents or models.
"""

from copilot.documents.word.bookmarks import Bookmark, add_bookmark, delete_bookmark, list_bookmarks, rename_bookmark
from copilot.documents.word.captions import add_caption, cross_reference
from copilot.documents.word.change import apply_style, replace_paragraph, set_table_cell
from copilot.documents.word.comments import (
    Comment,
    add_comment,
    delete_comment,
    edit_comment,
    list_comments,
    reply_comment,
    resolve_comment,
)
from copilot.documents.word.controls import Control, add_control, fill_controls, remove_control
from copilot.documents.word.controls import controls as list_controls
from copilot.documents.word.create import contents, create
from copilot.documents.word.edits import OPERATIONS, Track, edit
from copilot.documents.word.fields import insert_field, update_fields
from copilot.documents.word.formatting import clear_formatting, format_paragraph, format_text
from copilot.documents.word.insert import add_list, insert_heading, insert_paragraphs
from copilot.documents.word.links import add_link, change_link, remove_link
from copilot.documents.word.listing import continue_list, indent_list, restart_list, set_list
from copilot.documents.word.margins import page_numbers, set_footer, set_header
from copilot.documents.word.merge import combine
from copilot.documents.word.merge import merge as mail_merge
from copilot.documents.word.notes import add_endnote, add_footnote, delete_note, edit_note
from copilot.documents.word.paragraphs import (
    copy_blocks,
    join_paragraphs,
    move_blocks,
    set_level,
    split_paragraph,
)
from copilot.documents.word.pictures import (
    Picture,
    alt_text,
    delete_picture,
    insert_picture,
    list_pictures,
    replace_picture,
)
from copilot.documents.word.properties import set_properties
from copilot.documents.word.reader import excerpt, outline, read, style_names
from copilot.documents.word.redline import compare
from copilot.documents.word.remove import delete_blocks
from copilot.documents.word.replace import replace_text
from copilot.documents.word.revisions import Revision, accept, reject, track
from copilot.documents.word.revisions import revisions as list_revisions
from copilot.documents.word.search import Passage, find
from copilot.documents.word.sections import column_break, page_break, page_setup, remove_section_break, section_break
from copilot.documents.word.styles_edit import create_style, modify_style, rename_style
from copilot.documents.word.tables.columns import add_column, delete_column, move_column
from copilot.documents.word.tables.looks import cell_format, header_row, table_alignment, table_style, table_widths
from copilot.documents.word.tables.make import add_table, table_to_text, text_to_table
from copilot.documents.word.tables.merging import merge_cells, split_cell
from copilot.documents.word.tables.rows import add_rows, add_table_row, delete_rows, move_row
from copilot.documents.word.tables.sorting import sort_table
from copilot.documents.word.templates import Template, fill, fill_template
from copilot.documents.word.templates import fields as template_fields
from copilot.documents.word.toc import insert_table_of_figures, insert_toc, update_toc

__all__ = [
    "OPERATIONS",
    "Bookmark",
    "Comment",
    "Control",
    "Passage",
    "Picture",
    "Revision",
    "Template",
    "Track",
    "accept",
    "add_bookmark",
    "add_caption",
    "add_column",
    "add_comment",
    "add_control",
    "add_endnote",
    "add_footnote",
    "add_link",
    "add_list",
    "add_rows",
    "add_table",
    "add_table_row",
    "alt_text",
    "apply_style",
    "cell_format",
    "change_link",
    "clear_formatting",
    "column_break",
    "combine",
    "compare",
    "contents",
    "continue_list",
    "copy_blocks",
    "create",
    "create_style",
    "cross_reference",
    "delete_blocks",
    "delete_bookmark",
    "delete_column",
    "delete_comment",
    "delete_note",
    "delete_picture",
    "delete_rows",
    "edit",
    "edit_comment",
    "edit_note",
    "excerpt",
    "fill",
    "fill_controls",
    "fill_template",
    "find",
    "format_paragraph",
    "format_text",
    "header_row",
    "indent_list",
    "insert_field",
    "insert_heading",
    "insert_paragraphs",
    "insert_picture",
    "insert_table_of_figures",
    "insert_toc",
    "join_paragraphs",
    "list_bookmarks",
    "list_comments",
    "list_controls",
    "list_pictures",
    "list_revisions",
    "mail_merge",
    "merge_cells",
    "modify_style",
    "move_blocks",
    "move_column",
    "move_row",
    "outline",
    "page_break",
    "page_numbers",
    "page_setup",
    "read",
    "reject",
    "remove_control",
    "remove_link",
    "remove_section_break",
    "rename_bookmark",
    "rename_style",
    "replace_paragraph",
    "replace_picture",
    "replace_text",
    "reply_comment",
    "resolve_comment",
    "restart_list",
    "section_break",
    "set_footer",
    "set_header",
    "set_level",
    "set_list",
    "set_properties",
    "set_table_cell",
    "sort_table",
    "split_cell",
    "split_paragraph",
    "style_names",
    "table_alignment",
    "table_style",
    "table_to_text",
    "table_widths",
    "template_fields",
    "text_to_table",
    "track",
    "update_fields",
    "update_toc",
]
