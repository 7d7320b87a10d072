"""Answers in the service's words: jobs, sessions and backends as JSON."""
