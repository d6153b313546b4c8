"""`homelab install`: NixOS on a new machine, over SSH."""
