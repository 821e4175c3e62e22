"""`python -m arspec` is `arspec`."""

import sys

from arspec.cli.main import main

sys.exit(main())
