"""Compares who can answer: rungs and prices, what a text costs, one task over many models, fallback chains at work."""
