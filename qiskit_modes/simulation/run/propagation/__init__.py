"""Expectation values by taking an observable back through a circuit, term by term."""
