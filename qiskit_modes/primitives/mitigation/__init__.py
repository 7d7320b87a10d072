"""What the techniques of error mitigation prepare, and make of the data."""
