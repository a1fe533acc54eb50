"""The skill `calendar`."""
