"""Layers of gates or measurements, and their Pauli-Lindblad noise: given, or learned."""
