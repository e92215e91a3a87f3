"""Power loss: possible contents of a disk after it, from the system calls of a real run."""
