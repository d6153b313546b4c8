"""Values that were once code in a generated file are now quoted or refused."""

from __future__ import annotations

import re
from typing import Any

import pytest

from homelab.nix.flake import nixos_output
from homelab.nix.printer import print_value
from tests import build
from tests.cases.on_disk import laid_out, tried

IMAGE = f"docker.io/a/b:1@sha256:{'0' * 64}"
HOSTILE: dict[str, dict[str, Any]] = {
    "hosts.aurora.interface": {"hosts": {"aurora": {"interface": 'eth0"; accept #'}}},
    "hosts.workstation.wake_on_lan.interface": {
        "hosts": {"workstation": {"wake_on_lan": {"interface": 'eth0" up; ${x}'}}}
    },
    "services.eurovote.flake.module": {
        "services": {
            "eurovote": {
                "flake": {"module": "default ({ ... }: { networking.firewall.enable = false; })"}
            }
        }
    },
    "services.eurovote.flake.unit": {"services": {"eurovote": {"flake": {"unit": "a.b; c"}}}},
    "services.draw.container.image": {
        "services": {"draw": {"container": {"image": f"a;reboot;{IMAGE}"}}}
    },
    "datasets.photos.mode": {"datasets": {"photos": {"mode": "2775 - - - %h"}}},
    "datasets.photos.path": {"datasets": {"photos": {"path": "/mnt/family/photos:/etc"}}},
    "site.keymap": {"site": {"keymap": "us\nFONT=x"}},
    "hosts.aurora.nix.gc.dates": {"hosts": {"aurora": {"nix": {"gc": {"dates": "weekly %h"}}}}},
    "monitoring.email": {"monitoring": {"email": "{$HOME}@example.org"}},
    "site.owner.email": {"site": {"owner": {"email": "{$HOME}@example.org"}}},
    "services.miniflux.monitor.path": {"services": {"miniflux": {"monitor": {"path": "/${HOME}"}}}},
    "backup.targets.b2.path": {"backup": {"targets": {"b2": {"path": "bucket/%h"}}}},
    "dashboard.title": {"dashboard": {"title": "{{HOMEPAGE_VAR_TOKEN}}"}},
}


@pytest.mark.parametrize("place", HOSTILE)
def test_a_value_that_would_be_code_in_a_generated_file_is_refused(
    place: str, tmp_path: Any
) -> None:
    assert place in {p.where for p in tried(laid_out(tmp_path, HOSTILE[place]))}


def test_a_disk_with_a_blank_in_its_path_is_one_word_to_systemd() -> None:
    disk = {"kind": "local", "host": "nas", "path": "/mnt/One Touch/restic"}
    files = build.render(
        {
            "backup": {"targets": {"disk": disk}},
            "services": {"navidrome": {"host": "nas", "audience": "operator"}},
        }
    )
    assert re.search(r'mounts = \[\s+"/mnt/One Touch/restic"\s+\]', files["nas"]["backup.nix"])


@pytest.mark.parametrize("word", ["in", "default.let"])
def test_a_nix_keyword_can_be_the_name_of_a_flake_module(word: str) -> None:
    text = print_value(nixos_output({"nas": ("default.nix", [("if", f"nixosModules.{word}")])}))
    assert 'inputs."if".nixosModules.' in text
    assert '"in"' in text or '"let"' in text
