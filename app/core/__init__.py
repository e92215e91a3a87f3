"""Settings, errors and rules that every other room may rely on."""
