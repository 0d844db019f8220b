"""Real servers that Lyceum can use, started here without a container."""
