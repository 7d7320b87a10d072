"""Reads Qiskit's circuits, and the noise of their instructions, into plain operations."""
