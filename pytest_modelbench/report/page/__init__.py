"""Pages: one file each, that opens from disk, asks nobody for anything and reads without JavaScript."""
