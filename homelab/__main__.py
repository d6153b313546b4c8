"""`python -m homelab`."""

from homelab.cli import main

main()
