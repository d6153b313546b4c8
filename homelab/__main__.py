"""`python -m homelab`."""

from homelab.cli.app import main

main()
