"""Ingests documents and finds passages in them, each citable to its page, heading or lines."""
