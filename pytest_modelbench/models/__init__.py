"""What is measured: builders, inputs, weights and sample data."""
