"""Running compiled circuits: all that a worker imports for a program. No Qiskit."""
