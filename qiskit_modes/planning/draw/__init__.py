"""Timelines: what happened on a QPU, as pictures."""
