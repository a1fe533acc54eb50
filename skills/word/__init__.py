"""The skill `word`: read, search, edit and create Word documents."""
