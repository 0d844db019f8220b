"""Other people's MCP clients: where each keeps its servers, in which form, and whether ours start there."""
