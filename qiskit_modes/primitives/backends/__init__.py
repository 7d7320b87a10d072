"""Facts that a job reads of the backend that it is for."""
