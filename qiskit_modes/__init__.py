"""IBM Quantum's execution modes on your own machine."""
