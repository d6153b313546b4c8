"""Databases that homelab creates for services: servers, roles, passwords, ports and dumps."""
