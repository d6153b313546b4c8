"""Run one stand-in: `python __main__.py MODULE ARGUMENT…`, by path, without other packages."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[3])

if __name__ == "__main__":
    module, *arguments = sys.argv[1:]
    main = importlib.import_module(f"homelab.lab.host_commands.{module}").main
    sys.exit(main(arguments))
