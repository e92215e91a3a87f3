"""Power loss: what a disk may hold after it, worked out from the system calls of a real run."""
