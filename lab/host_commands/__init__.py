"""Stand-ins for the commands of NixOS on a lab host.

The stand-ins are separate programs that need only Python's standard library. They record their
calls in `var/log/homelab-lab.jsonl` of their host. They refuse an option that they do not know.

One switch starts dozens of them, so most avoid `pathlib`, `json`, `typing` and other modules whose
import takes longer than their work. They import each other relatively: `__main__.py` runs them
without the package `homelab`.
"""
