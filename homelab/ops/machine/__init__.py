"""Reach a machine: SSH with pinned keys, over the LAN first and then the tailnet."""
