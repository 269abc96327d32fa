"""Fakes for tests of measures, rules and plugins of one's own: a clock, a worker, a machine, a GPU's library.

They are what this package's own tests stand on. None needs torch, a device or the time that it plays.
"""
