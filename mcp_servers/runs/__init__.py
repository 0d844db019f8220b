"""Starts research that takes long, and follows, approves, cancels and reads any run, also after a restart."""
