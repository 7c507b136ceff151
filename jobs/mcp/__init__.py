"""The MCP server, `pgdex mcp`: agents start, watch and cancel indexing jobs, and search, through their tools."""
