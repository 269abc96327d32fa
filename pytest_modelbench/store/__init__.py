"""Baseline and result files: schema, validation, atomic writes."""
