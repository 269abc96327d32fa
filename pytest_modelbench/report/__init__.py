"""Values in, text out: tables, messages, Markdown, and files that other tools read."""
