"""Commands, and the text that they print."""
