"""The official conformance suite (npm @modelcontextprotocol/conformance) against `pgdex mcp --http`.

`make conformance` runs it. The suite calls tools, resources and prompts of its own. `server` is pgdex's HTTP server
with these added; it exists only here, in the tests, and no option of `pgdex mcp` leads to it.
"""
