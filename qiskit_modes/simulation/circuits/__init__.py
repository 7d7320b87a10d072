"""Facts of a circuit and of its instructions, whatever the noise."""
