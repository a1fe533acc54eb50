"""`python -m copilot` is the command `everpilot`."""

import sys

from copilot.cli import main

sys.exit(main())
