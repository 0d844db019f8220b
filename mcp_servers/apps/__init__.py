"""Results that people want to see: pages that hosts of MCP Apps show beside a tool's text."""
