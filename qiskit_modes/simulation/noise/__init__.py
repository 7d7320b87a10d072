"""Sources of a circuit's noise: one class for each, and what is said of it."""
