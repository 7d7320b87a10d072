"""What is left to Aer: circuits written for it, its options, and components that it simulates."""
