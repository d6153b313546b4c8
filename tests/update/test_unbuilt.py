"""The list that Nix prints before a build, of old and of new versions."""

from __future__ import annotations

from homelab.update.unbuilt import read_unbuilt

HASH = "0ccnxa25whszw7mgbgyzdm4nqc0zwnm8"
NEW = f"""\
these 6 derivations will be built:
  /nix/store/{HASH}-immich-2.3.1.drv
  /nix/store/{HASH}-unit-immich-server.service.drv
  /nix/store/{HASH}-etc.drv
  /nix/store/{HASH}-nixos-system-nas-25.11.20261120.abcdef.drv
  /nix/store/{HASH}-linux-6.12.9-modules.drv
  /nix/store/{HASH}-caddy-2.10.0.tar.gz.drv
these 2 paths will be fetched (312.4 MiB download, 1.2 GiB unpacked):
  /nix/store/{HASH}-hello-2.12
  /nix/store/{HASH}-openssl-3.0.1
"""
ONE = f"this derivation will be built:\n  /nix/store/{HASH}-caddy-2.10.0.drv\n"


def test_packages_are_told_from_files_of_the_system() -> None:
    found = read_unbuilt(NEW)
    assert found.packages == ("immich-2.3.1",)
    assert found.files == 5
    assert found.fetched == "312.4 MiB download, 1.2 GiB unpacked"
    assert not found.unreached


def test_one_derivation_is_read_and_a_silent_cache_is_told() -> None:
    assert read_unbuilt(ONE).packages == ("caddy-2.10.0",)
    silent = "warning: error: unable to download 'https://cache.nixos.org/nix-cache-info'\n" + ONE
    assert read_unbuilt(silent).unreached
    assert read_unbuilt("").packages == ()
