"""Copies and backups of a whole database, and how the service is deployed and restarted."""
