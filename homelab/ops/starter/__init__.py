"""Input and output of `homelab init` and `homelab upgrade`."""
