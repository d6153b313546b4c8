"""SSH to machines with pinned host keys, over the LAN first, then the tailnet."""
