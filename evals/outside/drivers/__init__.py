"""Scripts that run in other environments, with other people's packages; none is imported here."""
