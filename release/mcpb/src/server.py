"""The bundle's entry: `pgdex mcp`, on stdio."""

import sys

from pgdex.jobs.cli import main

if __name__ == "__main__":
    sys.argv = ["pgdex", "mcp"]
    main()
