"""The database: sessions, migrations and column types. Knows nothing of leads."""
