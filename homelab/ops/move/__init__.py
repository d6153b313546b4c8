"""`homelab move`: the state of a service goes to another host, and the stack follows."""
