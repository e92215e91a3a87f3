"""A demo of the service over HTTP, on a temporary database."""
