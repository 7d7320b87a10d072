"""Progress that users see while they wait: a line on a terminal, or a bar in a notebook."""
