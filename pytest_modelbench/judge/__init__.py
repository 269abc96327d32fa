"""Verdicts: checks held against baselines, by statistics and piece by piece. Pure: values in, values out."""
