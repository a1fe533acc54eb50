"""The skill `excel`: read, analyse, edit and create Excel workbooks."""
