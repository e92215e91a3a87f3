"""Background tasks, which run beside requests."""
