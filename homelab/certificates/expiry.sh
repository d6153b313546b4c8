# shellcheck shell=bash
# Fail while a token of this host is about to end, so that whoever reports failed units reports it.
# Sourced by its unit with the day on which it ends.

days=$((($(date --date "$1" +%s) - $(date +%s)) / 86400))
if [ "$days" -lt 30 ]; then
  echo "The DNS-01 token of this host ends on $1, and no certificate is renewed after that." >&2
  echo "Move cloudflare.acme.until in the stack config, then: pulumi up" >&2
  exit 1
fi
echo "The DNS-01 token of this host is good for $days more days."
