"""The command line, each command in a process of its own."""
