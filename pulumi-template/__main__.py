"""The Pulumi program of this homelab. Resources of your own go below `main()`."""

from homelab import main

main()
