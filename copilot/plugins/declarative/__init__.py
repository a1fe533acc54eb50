"""Declarative agents of Microsoft 365 (manifest v1.0 to v1.8) as personas.

Read leniently: what can be used is used, each repair and each part that is left out is a Problem.
"""
