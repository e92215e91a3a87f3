"""SQL statements for many rows, built once."""
