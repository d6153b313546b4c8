"""The files of a new homelab, from the answers of its owner."""
