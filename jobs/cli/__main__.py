"""`python -m pgdex.jobs.cli` is `pgdex`."""

import sys

from pgdex.jobs.cli.entry import main

sys.exit(main())
