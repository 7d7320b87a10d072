"""Recordings: what a program ran and when, written down as it happens."""
