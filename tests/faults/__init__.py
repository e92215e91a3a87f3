"""The service under faults: kills, full disks, locks; every acknowledged inquiry must survive."""
