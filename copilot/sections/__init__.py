"""Sections of the settings, one module each, for what has many."""
