"""Joined qubits without noise: state vectors, and what Clifford gates do."""
