"""A project looked at, without importing it, and the files that its gate begins with."""
