"""The commands of ``qiskit-modes``, a module each. Nothing heavy is imported before one runs."""
