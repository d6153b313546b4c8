# shellcheck shell=bash
# Find out what would fail before anything is erased: evaluate the system, and build disko's script.

# main OPTION…: of Nix.
main() {
  alone
  trap 'rm -rf "$lent"' EXIT
  lend "$work"
  [ -z "$lent" ] || set -- "$@" --option netrc-file "$lent/netrc"
  logged evaluate flakes eval --raw --no-update-lock-file "$@" \
    "path:$work/flake#nixosConfigurations.\"$HOST\".config.system.build.toplevel.drvPath"
  logged disks flakes build --no-update-lock-file "$@" --out-link "$work/disks" \
    "path:$work/flake#packages.$(uname -m)-linux.disks"
}

main "$@" </dev/null
