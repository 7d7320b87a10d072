"""Texts of jobs: what they were asked and came to, in the service's own JSON, and back."""
