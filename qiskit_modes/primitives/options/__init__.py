"""Options of users: read, judged by one table, and reduced to what acts."""
