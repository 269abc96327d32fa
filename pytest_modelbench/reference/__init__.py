"""The reference pages of the documentation: the code in, Markdown and JSON schemas out."""
