"""Checks whose way out is not an edit of the stack config or of a file that it names, with the
reason."""

from __future__ import annotations

_SOPS = "sops writes it: the message has the command, and tests/ops and tests/secrets run it"
_ANOTHER = "it is about the other of two stacks, which has problems or a policy of its own to mend"

ELSEWHERE: dict[str, str] = {
    "authority-ends": "openssl makes the next root, as in the guide's page on certificates",
    "authority-root": "openssl makes the root, as in the guide's page on certificates",
    "dev-shells-stale": "homelab dev-shells writes them; tests/starter/test_dev_shells.py",
    "vm-tests-stale": "homelab vm-tests writes them; tests/install/test_service_test.py",
    "doc-coherence": "a page of the owner says it; tests/pages/test_own_docs.py corrects one",
    "routing-coherence": "a page of the owner says it; tests/pages/test_own_docs.py corrects one",
    "host-folder": "a directory beside the stack file; tests/pages/test_own_docs.py removes one",
    "docs-stale": "homelab docs writes the pages; tests/pages run that",
    "file-present": "a command on the host writes the file, or version control has it still; links are in tests/ops/test_sources.py",
    "git-clean": "git commit makes it clean; tests/ops/test_git.py runs that",
    "lock-complete": "homelab update writes the lock, tests/cli/test_update.py; tests/nix hold what such a lock is read as",
    "lock-current": "homelab lock writes what is missing; tests/cases/test_state.py runs that",
    "secret-deployer": _SOPS,
    "security-baseline": "homelab eval finds it in merged options; tests/policy and tests/evaluation",
    "secret-plaintext": "the secret is made anew where it is used, for it was seen; then sops",
    "secret-recipient": _SOPS,
    "secret-rotated": "homelab lock --rotate acknowledges it; tests/cases/test_state.py runs that",
    "stack-compared": _ANOTHER,
    "stack-policy-part": _ANOTHER,
    "wifi-secret-format": _SOPS,
    "acl-route-covered": "the plan writes this grant itself: only a fault of ours would lack it",
    "firewall-reach": "ports open for routes, callers and roles alone: only a fault opens another",
    "host-renamed": "homelab lock acknowledges the name, and tests/cases/test_state.py runs that",
    "internet-gate": "checks of routes refuse it first: it looks at the plan from the other end",
}
