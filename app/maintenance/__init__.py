"""What is done to a whole database: copies and backups."""
