"""A model without a model: follows direct English commands over the files at hand, and never guesses a write."""
