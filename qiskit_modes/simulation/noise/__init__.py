"""Where the noise of a circuit comes from: one class for each source, and what is said of it."""
