"""Circuits and an observable whose value is wanted, not shots."""
