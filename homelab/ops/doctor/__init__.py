"""`homelab doctor`: what this machine and the project need, and how each thing is."""
