"""The folders that the user opened: staging, atomic saving, journal and undo."""
