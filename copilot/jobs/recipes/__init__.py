"""Recipes: what is done with each document, written down once: inputs, steps, outputs and tests in one file."""
