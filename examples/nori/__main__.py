"""The Pulumi program. docs/guide/library.md shows what else it may hold."""

from homelab import main

main()
