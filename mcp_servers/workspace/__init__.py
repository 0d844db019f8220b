"""Reads, searches, edits and tests a repository, confined to its folder; every change can be undone exactly."""
