"""What an estimator measures, and what terms make of the bits."""
