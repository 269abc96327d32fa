"""What this machine can be trusted with: its settings looked at, and unchanged code measured against itself.

Nothing is changed. Whatever imports torch runs in worker processes.
"""
