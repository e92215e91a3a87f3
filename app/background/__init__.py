"""Background tasks, which run concurrently with requests."""
