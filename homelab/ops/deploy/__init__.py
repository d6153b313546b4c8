"""Switch hosts and say how it went."""
