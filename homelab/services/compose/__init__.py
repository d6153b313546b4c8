"""Make a service from a compose file, and say what it could not take over."""
