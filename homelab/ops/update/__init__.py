"""Updates of pins: `homelab update` and `homelab pin`."""
