"""Several processes of the service on one PostgreSQL: the same promises as of one."""
