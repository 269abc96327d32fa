"""A session in the controlling process: what runs, what it amounts to, what pytest is told. Never imports torch."""
