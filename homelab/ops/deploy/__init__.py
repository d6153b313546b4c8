"""Switch hosts and report the outcome."""
