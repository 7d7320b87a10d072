"""Views of a server for those who look after it: its log of requests, and its metrics."""
