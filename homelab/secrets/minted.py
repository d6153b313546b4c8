"""Derived and minted secrets: the release's own activation puts into place what was sent for it.

A generation of the system names its release, so going back to an older one also takes back the
secrets that belong to it. Runs at boot too, without the deployer: the files lie on the host.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from homelab.nix import Module, Raw, Script, attrs

if TYPE_CHECKING:
    from homelab.plan import Plan
    from homelab.system.model import Host

RELEASE = Raw("import ./release-id.nix")

_BEFORE = "(\nfrom=/var/lib/homelab/secrets/"
_AFTER = """
into=/run/homelab/secrets
kept=" "
fresh=
[ -d "$into" ] || fresh=yes
mkdir -p "$into"
chmod 0711 /run/homelab "$into"

# place NAME OWNER MODE UNIT...: a secret that is missing is a message here, not a failed activation.
place() {
  name=$1 owner=$2 mode=$3
  shift 3
  kept="$kept$name "
  if ! [ -f "$from/$name" ]; then
    echo "homelab: the secret $name has not been sent to this host" >&2
    return 0
  fi
  if ! group=$(id -gn "$owner" 2>/dev/null); then
    echo "homelab: there is no user $owner to give the secret $name to" >&2
    owner=root group=root
  fi
  changed=yes
  if [ -f "$into/$name" ] && [ "$(sha256sum <"$into/$name")" = "$(sha256sum <"$from/$name")" ]; then
    changed=
  fi
  install -m "$mode" -o "$owner" -g "$group" "$from/$name" "$into/.$name"
  mv -f "$into/.$name" "$into/$name"
  # At boot nothing runs yet that would have to be restarted.
  if [ -n "$changed" ] && [ -z "$fresh" ]; then
    for unit in "$@"; do
      echo "$unit" >>/run/nixos/activation-restart-list
    done
  fi
}

"""
_END = """
for file in "$into"/*; do
  case $kept in
    *" ${file##*/} "*) ;;
    *) rm -f "$file" ;;
  esac
done
)
"""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """The activation script of a host that has such secrets."""
    sent = [s for s in plan.secrets.on(host.name) if s.source != "stored"]
    if not sent or not host.is_nixos:
        return
    calls = "".join(f"place {shlex.join((s.name, s.owner, s.mode, *s.units))}\n" for s in sent)
    script = Script.of(_BEFORE, RELEASE, _AFTER + calls + _END)
    yield Module(
        "minted-secrets.nix",
        "Secrets that were made for this host, not stored: the deployer sends them beside the release",
        derived=attrs(
            "system.activationScripts.homelab-secrets", {"deps": ["users", "groups"], "text": script}
        ),
    )
