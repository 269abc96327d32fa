"""Git: what the sources were, which revision is meant, and a revision's files on the disk."""
