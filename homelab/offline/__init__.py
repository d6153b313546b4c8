"""Releases for offline hosts: a signed bundle that waits, and the relay that hands it out."""
