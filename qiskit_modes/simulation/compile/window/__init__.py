"""Wide circuits: the order in which few qubits are in the state, and the steps in that order."""
