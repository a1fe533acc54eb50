"""The parts of `build_office.py`: one module for each kind of document."""
