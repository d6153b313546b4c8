"""The security baseline of hosts, exceptions from rules, and tinker mode."""
