"""The steps of a research run: what may be read, what was found, what it says, what holds of it, how it is told."""
