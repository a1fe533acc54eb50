"""Everything that can be plugged in becomes one type, `Skill`."""
