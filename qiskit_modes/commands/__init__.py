"""The commands of ``qiskit-modes``, a module each: ``add`` describes it, and says what runs.

Nothing heavy is imported before one runs.
"""
