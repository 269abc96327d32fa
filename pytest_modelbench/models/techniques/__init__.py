"""Techniques: what is done to a model to make it smaller in memory, or faster, or to compare activations."""
