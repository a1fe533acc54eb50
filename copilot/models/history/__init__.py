"""Repairs the history on sending, so that any vendor can continue what another began.

The stored thread stays as it was. `repair` returns what the next vendor is sent.
"""

from copilot.models.history.repair import STAMP, Repaired, needs_thinking_off, prepare, repair, stamp

__all__ = ["STAMP", "Repaired", "needs_thinking_off", "prepare", "repair", "stamp"]
