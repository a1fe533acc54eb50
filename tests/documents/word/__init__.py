"""Tests of the Word reader and editors."""
