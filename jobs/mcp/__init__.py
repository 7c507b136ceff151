"""The MCP server, `pgdex mcp`: agents start, watch and cancel indexing jobs, and search, through its tools.

One module per tool in `tools`; here are the server, its two transports, how arguments are read and errors are told,
and over HTTP who may connect and how much one client may take. The SDK is used through its public API, but for one
name (`stdio`). Only `cli` may import this package.
"""
