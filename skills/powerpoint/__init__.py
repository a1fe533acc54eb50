"""The skill `powerpoint`: read, search, edit and create presentations."""
