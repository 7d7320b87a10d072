"""Servers that are killed and started again under load, and what must be true of it afterwards."""
