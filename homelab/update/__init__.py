"""Updates of pins: what a newer lock file changes on each host."""
