"""The security baseline: what homelab expects of every NixOS host after all modules are merged.

Defaults are those of the modules of nixpkgs 25.11. An id is never used for another rule.
"""

from __future__ import annotations

from homelab.policy import account_rules, ssh_rules, system_rules
from homelab.policy.rules import RULES

HAVE_RULES = (account_rules, ssh_rules, system_rules)
"""Each registers its rules when it is imported."""
BASELINE = tuple(sorted(RULES, key=lambda r: r.id))
"""All rules, by id."""
