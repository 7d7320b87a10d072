"""Endpoints: the addresses that the server answers, and a function for each."""
