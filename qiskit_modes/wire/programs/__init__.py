"""The service's programs: their parameters as JSON, made into this package's jobs."""
