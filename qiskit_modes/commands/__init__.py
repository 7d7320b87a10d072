"""Commands of ``qiskit-modes``, a module each: ``add`` describes it, and it runs what that says.

Until a command really runs, nothing heavy is imported.
"""
