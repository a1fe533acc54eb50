"""A model without a model: follows direct English commands over the files at hand, and never guesses a write."""

#: The line behind which a host puts what was piped in; the planner quotes and fills nothing from there.
PIPED = "Text that was piped in:"
#: The line behind which the instructions of a skill stand that a person started: they are for a language model.
FOLLOW = "Follow these instructions (the skill "
