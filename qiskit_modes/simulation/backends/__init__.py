"""What a backend is: `describe` answers all that is asked of one, whatever its kind."""
