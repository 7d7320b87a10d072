"""Guards that requests pass: where they come from, how long they are, who sends what."""
