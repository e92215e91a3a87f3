"""Use cases that touch several tables."""
