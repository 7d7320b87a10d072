"""From operations to a compiled circuit: what is simulated together, by which method."""
