"""How suites grow: cases from real runs and documents, variants of cases, and what is in a suite twice."""
