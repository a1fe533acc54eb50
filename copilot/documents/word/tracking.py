"""Whether edits are written as tracked changes."""

from __future__ import annotations

from typing import Literal

#: "on": tracked; "off": plain; "follow": tracked where the document has Track Changes on.
Track = Literal["off", "on", "follow"]
