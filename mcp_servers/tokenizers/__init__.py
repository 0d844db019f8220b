"""Trains tokenizers, draws their merges, encodes step by step, and compares counts and cost over languages."""
