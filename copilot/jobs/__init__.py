"""Durable runs: the same work over many documents, on one machine or on many."""
