"""Templates and styles of the report, loaded with ``PackageLoader("brainalign_monitor.templates", "")``."""
