"""Work that is left to Aer: circuits written for it, its options, and its components."""
