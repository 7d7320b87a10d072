"""How fast it is, as ratios against the field in the same run: ``python -m tests.benchmarks``."""
