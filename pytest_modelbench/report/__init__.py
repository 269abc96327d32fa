"""How results read: values in, text out."""
