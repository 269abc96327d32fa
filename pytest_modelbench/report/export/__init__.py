"""A session in the forms that other tools read: a file each, from values to text or bytes."""
