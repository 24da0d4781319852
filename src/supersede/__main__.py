"""``python -m supersede``: the command line."""

import sys

from supersede.cli import main

if __name__ == "__main__":
    sys.exit(main())
