"""The owner's own pages: hosts, names, ports, backups, secrets and exceptions, as Markdown."""
