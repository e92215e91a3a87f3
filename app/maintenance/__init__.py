"""Maintenance of a whole database: copies, backups and restores."""
