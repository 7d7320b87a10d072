"""What the server answers: an address and a function each."""
