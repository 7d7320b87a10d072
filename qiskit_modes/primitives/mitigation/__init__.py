"""Techniques of error mitigation: what they prepare, and what they make of the data."""
