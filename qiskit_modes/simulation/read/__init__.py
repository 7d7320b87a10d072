"""From Qiskit's circuits, and the noise of their instructions, to plain operations."""
