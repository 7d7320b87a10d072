"""Threads: what they wait by, and what keeps an interrupt from cutting them in two."""
