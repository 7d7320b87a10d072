"""Comparisons: a recording replayed in every mode, under the rules of the service."""
