"""What the service answers, in its words: jobs, sessions and backends as JSON."""
