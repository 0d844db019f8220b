"""Other people's MCP servers as tools of our agents: chosen in `mcp.json`, pinned, bounded, and never believed."""
