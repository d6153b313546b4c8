"""One flake of all hosts that a person continues by hand, without homelab."""
