"""Colours as people name them, for all kinds of documents."""

from __future__ import annotations

#: Common names and their RRGGBB; the standard colours of Office's own palette where it has one of that name.
NAMES: dict[str, str] = {
    **{"black": "000000", "white": "FFFFFF", "red": "FF0000", "dark red": "C00000", "orange": "FFC000"},
    **{"yellow": "FFFF00", "light green": "92D050", "green": "00B050", "light blue": "00B0F0", "blue": "0070C0"},
    **{"dark blue": "002060", "purple": "7030A0", "gray": "808080", "grey": "808080", "light gray": "D9D9D9"},
    **{"light grey": "D9D9D9", "dark gray": "404040", "dark grey": "404040", "pink": "FF99CC", "brown": "974706"},
    **{"cyan": "00FFFF", "magenta": "FF00FF", "lime": "00FF00", "navy": "000080", "teal": "008080"},
    **{"maroon": "800000", "olive": "808000", "silver": "C0C0C0", "gold": "FFD700", "turquoise": "40E0D0"},
}
