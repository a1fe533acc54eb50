"""The skill's package: SKILL.md and tools.py lie beside this file."""
