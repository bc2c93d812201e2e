"""Settings: read, checked and handed out as one object."""
