"""What follows from what: the rules of the service, each as functions of a scheduler's state."""
