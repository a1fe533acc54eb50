"""Gates before a sink: the last check before data leaves."""

from __future__ import annotations

from copilot.trust.labels import Confidentiality, Label


def may_see(label: Label, max_confidentiality: str) -> bool:
    """Return whether a model that is allowed up to `max_confidentiality` may be given data with this label.

    Asked before every model call, also on failover. A level that is not known allows nothing.
    """
    try:
        return label.confidentiality <= Confidentiality.parse(max_confidentiality)
    except ValueError:
        return False
