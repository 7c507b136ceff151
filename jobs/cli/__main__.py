"""`python -m jobs.cli` is `pgdex`."""

import sys

from jobs.cli.entry import main

sys.exit(main())
