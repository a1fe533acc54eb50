"""Webhooks: requests of other programs that begin runs."""
