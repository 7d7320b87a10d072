"""The rules of the service, each as functions of a scheduler's state."""
