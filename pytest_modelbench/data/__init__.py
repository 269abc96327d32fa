"""Labelled data: images, data sets, scenes, and how they become batches."""
