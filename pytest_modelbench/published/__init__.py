"""The replication of published tables: their rows, the tests of them, the guide. Nothing else needs it."""
