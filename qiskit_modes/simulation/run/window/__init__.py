"""Drawing shots of wide circuits: the state is that of the few qubits in use at a time."""
