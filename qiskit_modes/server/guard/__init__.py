"""What requests pass before they are answered: where from, how long, who, and with what in them."""
