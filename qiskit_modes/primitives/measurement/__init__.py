"""Bases that an estimator measures, and expectation values from the bits."""
