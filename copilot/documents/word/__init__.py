"""Word documents: read as structural Markdown with addresses, edited without touching anything else.

Bytes in, `Reading`, `Outline` or `Edited` out; nothing here knows of files, agents or models.
Everything public is listed in `__all__` and loaded when it is first used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from copilot.documents.word.bookmarks import Bookmark as Bookmark
    from copilot.documents.word.bookmarks import add_bookmark as add_bookmark
    from copilot.documents.word.bookmarks import delete_bookmark as delete_bookmark
    from copilot.documents.word.bookmarks import list_bookmarks as list_bookmarks
    from copilot.documents.word.bookmarks import rename_bookmark as rename_bookmark
    from copilot.documents.word.captions import add_caption as add_caption
    from copilot.documents.word.captions import cross_reference as cross_reference
    from copilot.documents.word.change import apply_style as apply_style
    from copilot.documents.word.change import replace_paragraph as replace_paragraph
    from copilot.documents.word.change import set_table_cell as set_table_cell
    from copilot.documents.word.comments import Comment as Comment
    from copilot.documents.word.comments import add_comment as add_comment
    from copilot.documents.word.comments import delete_comment as delete_comment
    from copilot.documents.word.comments import edit_comment as edit_comment
    from copilot.documents.word.comments import list_comments as list_comments
    from copilot.documents.word.comments import reply_comment as reply_comment
    from copilot.documents.word.comments import resolve_comment as resolve_comment
    from copilot.documents.word.controls import Control as Control
    from copilot.documents.word.controls import add_control as add_control
    from copilot.documents.word.controls import controls as list_controls
    from copilot.documents.word.controls import fill_controls as fill_controls
    from copilot.documents.word.controls import remove_control as remove_control
    from copilot.documents.word.create import contents as contents
    from copilot.documents.word.create import create as create
    from copilot.documents.word.edits import OPERATIONS as OPERATIONS
    from copilot.documents.word.edits import edit as edit
    from copilot.documents.word.fields import insert_field as insert_field
    from copilot.documents.word.fields import update_fields as update_fields
    from copilot.documents.word.formatting import clear_formatting as clear_formatting
    from copilot.documents.word.formatting import format_paragraph as format_paragraph
    from copilot.documents.word.formatting import format_text as format_text
    from copilot.documents.word.insert import add_list as add_list
    from copilot.documents.word.insert import insert_heading as insert_heading
    from copilot.documents.word.insert import insert_paragraphs as insert_paragraphs
    from copilot.documents.word.links import add_link as add_link
    from copilot.documents.word.links import change_link as change_link
    from copilot.documents.word.links import remove_link as remove_link
    from copilot.documents.word.listing import continue_list as continue_list
    from copilot.documents.word.listing import indent_list as indent_list
    from copilot.documents.word.listing import restart_list as restart_list
    from copilot.documents.word.listing import set_list as set_list
    from copilot.documents.word.margins import page_numbers as page_numbers
    from copilot.documents.word.margins import set_footer as set_footer
    from copilot.documents.word.margins import set_header as set_header
    from copilot.documents.word.merge import combine as combine
    from copilot.documents.word.merge import merge as mail_merge
    from copilot.documents.word.notes import add_endnote as add_endnote
    from copilot.documents.word.notes import add_footnote as add_footnote
    from copilot.documents.word.notes import delete_note as delete_note
    from copilot.documents.word.notes import edit_note as edit_note
    from copilot.documents.word.paragraphs import copy_blocks as copy_blocks
    from copilot.documents.word.paragraphs import join_paragraphs as join_paragraphs
    from copilot.documents.word.paragraphs import move_blocks as move_blocks
    from copilot.documents.word.paragraphs import set_level as set_level
    from copilot.documents.word.paragraphs import split_paragraph as split_paragraph
    from copilot.documents.word.pictures import Picture as Picture
    from copilot.documents.word.pictures import alt_text as alt_text
    from copilot.documents.word.pictures import delete_picture as delete_picture
    from copilot.documents.word.pictures import insert_picture as insert_picture
    from copilot.documents.word.pictures import list_pictures as list_pictures
    from copilot.documents.word.pictures import replace_picture as replace_picture
    from copilot.documents.word.properties import set_properties as set_properties
    from copilot.documents.word.reader import excerpt as excerpt
    from copilot.documents.word.reader import outline as outline
    from copilot.documents.word.reader import read as read
    from copilot.documents.word.reader import style_names as style_names
    from copilot.documents.word.reader import styles_in_use as styles_in_use
    from copilot.documents.word.redline import compare as compare
    from copilot.documents.word.remove import delete_blocks as delete_blocks
    from copilot.documents.word.replace import replace_text as replace_text
    from copilot.documents.word.revisions import Revision as Revision
    from copilot.documents.word.revisions import accept as accept
    from copilot.documents.word.revisions import reject as reject
    from copilot.documents.word.revisions import revisions as list_revisions
    from copilot.documents.word.revisions import track as track
    from copilot.documents.word.search import Passage as Passage
    from copilot.documents.word.search import find as find
    from copilot.documents.word.sections import column_break as column_break
    from copilot.documents.word.sections import page_break as page_break
    from copilot.documents.word.sections import page_setup as page_setup
    from copilot.documents.word.sections import remove_section_break as remove_section_break
    from copilot.documents.word.sections import section_break as section_break
    from copilot.documents.word.styles_edit import create_style as create_style
    from copilot.documents.word.styles_edit import modify_style as modify_style
    from copilot.documents.word.styles_edit import rename_style as rename_style
    from copilot.documents.word.tables.columns import add_column as add_column
    from copilot.documents.word.tables.columns import delete_column as delete_column
    from copilot.documents.word.tables.columns import move_column as move_column
    from copilot.documents.word.tables.looks import cell_format as cell_format
    from copilot.documents.word.tables.looks import header_row as header_row
    from copilot.documents.word.tables.looks import table_alignment as table_alignment
    from copilot.documents.word.tables.looks import table_style as table_style
    from copilot.documents.word.tables.looks import table_widths as table_widths
    from copilot.documents.word.tables.make import add_table as add_table
    from copilot.documents.word.tables.make import table_to_text as table_to_text
    from copilot.documents.word.tables.make import text_to_table as text_to_table
    from copilot.documents.word.tables.merging import merge_cells as merge_cells
    from copilot.documents.word.tables.merging import split_cell as split_cell
    from copilot.documents.word.tables.rows import add_rows as add_rows
    from copilot.documents.word.tables.rows import add_table_row as add_table_row
    from copilot.documents.word.tables.rows import delete_rows as delete_rows
    from copilot.documents.word.tables.rows import move_row as move_row
    from copilot.documents.word.tables.sorting import sort_table as sort_table
    from copilot.documents.word.templates import Template as Template
    from copilot.documents.word.templates import fields as template_fields
    from copilot.documents.word.templates import fill as fill
    from copilot.documents.word.templates import fill_template as fill_template
    from copilot.documents.word.toc import insert_table_of_figures as insert_table_of_figures
    from copilot.documents.word.toc import insert_toc as insert_toc
    from copilot.documents.word.toc import update_toc as update_toc
    from copilot.documents.word.tracking import Track as Track

#: The public names by their module; one that has another name there stands as "name there:public name".
_NAMES = {
    "bookmarks": (
        "Bookmark",
        "add_bookmark",
        "delete_bookmark",
        "list_bookmarks",
        "rename_bookmark",
    ),
    "captions": (
        "add_caption",
        "cross_reference",
    ),
    "change": (
        "apply_style",
        "replace_paragraph",
        "set_table_cell",
    ),
    "comments": (
        "Comment",
        "add_comment",
        "delete_comment",
        "edit_comment",
        "list_comments",
        "reply_comment",
        "resolve_comment",
    ),
    "controls": (
        "Control",
        "add_control",
        "controls:list_controls",
        "fill_controls",
        "remove_control",
    ),
    "create": (
        "contents",
        "create",
    ),
    "edits": (
        "OPERATIONS",
        "edit",
    ),
    "fields": (
        "insert_field",
        "update_fields",
    ),
    "formatting": (
        "clear_formatting",
        "format_paragraph",
        "format_text",
    ),
    "insert": (
        "add_list",
        "insert_heading",
        "insert_paragraphs",
    ),
    "links": (
        "add_link",
        "change_link",
        "remove_link",
    ),
    "listing": (
        "continue_list",
        "indent_list",
        "restart_list",
        "set_list",
    ),
    "margins": (
        "page_numbers",
        "set_footer",
        "set_header",
    ),
    "merge": (
        "combine",
        "merge:mail_merge",
    ),
    "notes": (
        "add_endnote",
        "add_footnote",
        "delete_note",
        "edit_note",
    ),
    "paragraphs": (
        "copy_blocks",
        "join_paragraphs",
        "move_blocks",
        "set_level",
        "split_paragraph",
    ),
    "pictures": (
        "Picture",
        "alt_text",
        "delete_picture",
        "insert_picture",
        "list_pictures",
        "replace_picture",
    ),
    "properties": ("set_properties",),
    "reader": (
        "excerpt",
        "outline",
        "read",
        "style_names",
        "styles_in_use",
        "styles_in_use",
    ),
    "redline": ("compare",),
    "remove": ("delete_blocks",),
    "replace": ("replace_text",),
    "revisions": (
        "Revision",
        "accept",
        "reject",
        "revisions:list_revisions",
        "track",
    ),
    "search": (
        "Passage",
        "find",
    ),
    "sections": (
        "column_break",
        "page_break",
        "page_setup",
        "remove_section_break",
        "section_break",
    ),
    "styles_edit": (
        "create_style",
        "modify_style",
        "rename_style",
    ),
    "tables.columns": (
        "add_column",
        "delete_column",
        "move_column",
    ),
    "tables.looks": (
        "cell_format",
        "header_row",
        "table_alignment",
        "table_style",
        "table_widths",
    ),
    "tables.make": (
        "add_table",
        "table_to_text",
        "text_to_table",
    ),
    "tables.merging": (
        "merge_cells",
        "split_cell",
    ),
    "tables.rows": (
        "add_rows",
        "add_table_row",
        "delete_rows",
        "move_row",
    ),
    "tables.sorting": ("sort_table",),
    "templates": (
        "Template",
        "fields:template_fields",
        "fill",
        "fill_template",
    ),
    "tracking": ("Track",),
    "toc": (
        "insert_table_of_figures",
        "insert_toc",
        "update_toc",
    ),
}
_WHERE = {
    public or name: (module, name)
    for module, names in _NAMES.items()
    for name, _, public in (each.partition(":") for each in names)
}

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


class _Package(ModuleType):
    """This package; `create` stays a function, though importing binds the module of that name here."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (isinstance(value, ModuleType) and name in _WHERE):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, there = _WHERE[name]
    value = getattr(importlib.import_module(f"{__name__}.{module}"), there)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
