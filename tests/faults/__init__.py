"""The service under faults: killed, out of room, locked out; what it promised must hold."""
