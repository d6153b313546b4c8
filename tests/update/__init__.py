"""Updates of pins."""
