"""Search the web and read pages as clean, citable text, without reaching anything that is not public."""
