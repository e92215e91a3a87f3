"""Settings, errors and rules that every other package may import."""
