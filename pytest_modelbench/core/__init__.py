"""What a measurement is and what it means: values and pure functions, without torch and without pytest."""
