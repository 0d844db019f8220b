"""Open pages that are made by scripts in a browser of their own, kept apart, and read what a person would see."""
