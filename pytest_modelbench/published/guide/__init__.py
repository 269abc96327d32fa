"""The benchmark guide, written again from results: sessions and the catalog of published tables in, Markdown out."""
