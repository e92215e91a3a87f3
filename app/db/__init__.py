"""The database: sessions, migrations and column types. It does not depend on leads."""
