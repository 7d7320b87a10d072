"""Compiles operations: decides what is simulated together, and by which method."""
