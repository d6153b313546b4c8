# shellcheck shell=bash
# Fail while a token of this host is about to expire, so that the failed unit is reported.
# Argument: the day on which it expires.

days=$((($(date --date "$1" +%s) - $(date +%s)) / 86400))
if [ "$days" -lt 30 ]; then
  echo "The DNS-01 token of this host expires on $1; no certificate is renewed after that." >&2
  echo "Set a later cloudflare.acme.until in the stack config, then run: pulumi up" >&2
  exit 1
fi
echo "The DNS-01 token of this host is valid for $days more days."
