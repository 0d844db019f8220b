"""Reading pages of the web, for every server that does: which addresses, within which limits, and the clean text."""
