"""Adopt a running NixOS machine: the stack entry and the files that keep it as it is."""
