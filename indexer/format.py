"""The version of what is stored of a file."""

INDEX_FORMAT = 7
"""Raise it by one with every change of what the same bytes of a file give: how they are decoded and judged, how they
are cut, which words and weights a chunk gets, what of it is embedded. Every file notes the format that it was indexed
in, and the next job of each repository indexes those of another format again, with no --force. A new
embedding model needs no new format: files note their model too."""
