"""Everyday exact work: sums with units, dates and time zones, tables and charts, diffs, JSON, regular expressions."""
