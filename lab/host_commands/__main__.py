"""Run one stand-in: `python __main__.py MODULE ARGUMENT…`, by path, without other packages."""

import sys

_DIRECTORY = __file__.rpartition("/")[0]
# This directory has modules with common names such as `unit`, so only its parent is searched, last.
sys.path = [*sys.path[1:], _DIRECTORY.rpartition("/")[0]]

if __name__ == "__main__":
    module, *arguments = sys.argv[1:]
    main = __import__(f"host_commands.{module}", fromlist=["main"]).main
    sys.exit(main(arguments))
