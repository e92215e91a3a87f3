"""Several processes of the service on one PostgreSQL give the same guarantees as one process."""
