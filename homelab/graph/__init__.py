"""Pictures of a homelab: machines, names, sign-in and backups, as SVG or Mermaid."""
