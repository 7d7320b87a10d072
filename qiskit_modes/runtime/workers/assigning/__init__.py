"""Decides which worker gets what, and when; without threads, under the pool's mutex."""
