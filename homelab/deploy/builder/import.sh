# shellcheck shell=bash
# Read store paths from the rest of standard input.

nix-store ${STORE:+--store "$root$STORE"} --import >/dev/null
