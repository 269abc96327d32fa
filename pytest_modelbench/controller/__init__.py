"""The controlling pytest process: what runs, what it amounts to, and what pytest is told. Never imports torch."""
