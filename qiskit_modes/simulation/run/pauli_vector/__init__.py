"""Density matrices, as real numbers in the basis of Pauli matrices: joined qubits with noise."""
