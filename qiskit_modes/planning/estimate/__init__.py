"""Estimates: what hardware would charge for a job, before anything is run."""
