"""What primitives make of circuits: programs of the simulation, and the way back to arrays."""
