"""The colours of all documents."""

DARK, ACCENT, PALE = "1F3A4D", "1F6F8B", "E8F0F3"
