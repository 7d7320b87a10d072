"""What is to be known of a circuit and of its instructions, whatever the noise."""
