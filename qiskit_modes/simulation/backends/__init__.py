"""Descriptions of backends: `describe` answers all that is asked of one, whatever its kind."""
