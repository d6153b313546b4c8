"""Connections: a service gets the address and the API key of another one."""
