"""Content controls: listed, filled (with the data that they are bound to), put around words, taken away."""

from copilot.documents.word.controls.filling import fill_controls
from copilot.documents.word.controls.making import add_control, remove_control
from copilot.documents.word.controls.reading import Choice, Control, controls

__all__ = ["OPERATIONS", "Choice", "Control", "add_control", "controls", "fill_controls", "remove_control"]

#: The operations of this package.
OPERATIONS = (fill_controls, add_control, remove_control)
