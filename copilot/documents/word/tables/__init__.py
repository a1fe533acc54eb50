"""Tables: made, their rows, columns and cells changed, formatted, sorted; each operation an editor of a document."""

from copilot.documents.word.tables import columns, looks, make, merging, rows, sorting

#: The operations on tables.
OPERATIONS = (
    *make.OPERATIONS,
    *rows.OPERATIONS,
    *columns.OPERATIONS,
    *merging.OPERATIONS,
    *looks.OPERATIONS,
    *sorting.OPERATIONS,
)
