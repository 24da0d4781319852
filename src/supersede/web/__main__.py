"""The child processes of ``supersede serve``."""

import sys

from supersede.web.serving import child_main

if __name__ == "__main__":
    child_main(sys.argv[1:])
