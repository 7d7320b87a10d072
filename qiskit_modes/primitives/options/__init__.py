"""What a user sets in options: read, judged by one table, and reduced to what acts."""
