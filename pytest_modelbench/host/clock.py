"""Python's own clocks, held from the start: what freezes or moves time for a test does not find them here.

freezegun puts its own in the place of every attribute of every module that is one of them; of a class it does not.
"""

from __future__ import annotations

import time


class Held:
    """The clocks as they were when this was imported."""

    perf_counter_ns = staticmethod(time.perf_counter_ns)
    perf_counter = staticmethod(time.perf_counter)
    monotonic = staticmethod(time.monotonic)
    process_time_ns = staticmethod(time.process_time_ns)
    thread_time_ns = staticmethod(time.thread_time_ns)
    sleep = staticmethod(time.sleep)
