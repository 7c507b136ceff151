"""The MCP server as real clients see it: over stdio and HTTP, under both protocols."""
