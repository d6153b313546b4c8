"""An epoch is raised in the text of a stack file, and nothing else changes."""

from __future__ import annotations

import pytest

from homelab.config.stack_edit import with_values

EDITS = {
    "no section": (
        "# a stack\nconfig:\n  # first\n  homelab:site: {domain: a.org}\n",
        (
            "# a stack\nconfig:\n  # first\n  homelab:secrets: {epochs: {miniflux.oidc: 2}}\n  "
            "homelab:site: {domain: a.org}\n"
        ),
    ),
    "no epochs": (
        "config:\n  homelab:secrets:\n    # the key\n    master: {sops: m}  # é ✓\n",
        (
            "config:\n  homelab:secrets:\n    # the key\n    epochs: {miniflux.oidc: 2}\n"
            "    master: {sops: m}  # é ✓\n"
        ),
    ),
    "a section on one line": (
        "config: {secrets: {master: {sops: m}}}\n",
        "config: {secrets: {epochs: {miniflux.oidc: 2}, master: {sops: m}}}\n",
    ),
    "epochs on one line": (
        "config:\n  secrets:\n    epochs: {acme: 3} # why\n",
        "config:\n  secrets:\n    epochs: {miniflux.oidc: 2, acme: 3} # why\n",
    ),
    "no epoch yet": (
        "config:\n  secrets:\n    epochs: {}\n",
        "config:\n  secrets:\n    epochs: {miniflux.oidc: 2}\n",
    ),
    "epochs as a block": (
        "config:\n  secrets:\n    epochs:\n      acme: 3\n",
        "config:\n  secrets:\n    epochs:\n      miniflux.oidc: 2\n      acme: 3\n",
    ),
    "an epoch": (
        'config:\n  "homelab:secrets":\n    epochs:\n      "miniflux.oidc": 1   # é\n      b: 1\n',
        'config:\n  "homelab:secrets":\n    epochs:\n      "miniflux.oidc": 2   # é\n      b: 1\n',
    ),
    "lines of Windows": (
        "config:\r\n  secrets:\r\n    epochs: {acme: 3}\r\n",
        "config:\r\n  secrets:\r\n    epochs: {miniflux.oidc: 2, acme: 3}\r\n",
    ),
}


@pytest.mark.parametrize("form", EDITS)
def test_an_epoch_is_raised_and_the_rest_of_the_file_stays(form: str) -> None:
    before, after = EDITS[form]
    assert with_values(before, {("secrets", "epochs", "miniflux.oidc"): 2}) == after


@pytest.mark.parametrize(
    "text",
    [
        "config: [\n",
        "config:\n",
        "config:\n  secrets:\n",
        "config:\n  secrets: text\n",
        # Another place has the same value.
        "config:\n  a: &e {miniflux.oidc: 1}\n  secrets: {epochs: *e}\n",
        # The section is there twice, and only one counts.
        "config:\n  homelab:secrets: {master: {sops: m}}\n  homelab:secrets: {epochs: {a: 1}}\n",
    ],
)
def test_a_form_in_which_more_would_change_is_left_alone(text: str) -> None:
    assert with_values(text, {("secrets", "epochs", "miniflux.oidc"): 2}) == ""
