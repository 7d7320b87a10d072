"""What users see while they wait: one line on a terminal, or a bar in a notebook."""
