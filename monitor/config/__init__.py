"""Settings: read, checked and returned as one object."""
