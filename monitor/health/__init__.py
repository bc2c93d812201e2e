"""The state of the installation and of the service, for `doctor`, `/health` and `/metrics`."""
