# shellcheck shell=bash
# Add the people and groups of the stack to the directory; existing entries stay unchanged.
# Arguments: the entries as LDIF, the directory's address, the account that may add them, the
# file with its password, the owner's entry, the file with the owner's first password.

people=$1 address=$2 admin=$3 password=$4 owner=$5 first=$6
ask() { "$@" -x -H "$address" -D "$admin" -y "$password"; }

# OpenLDAP answers a moment after systemd reports it as started.
for _ in 1 2 3 4 5 6 7 8 9 10; do
  ask ldapwhoami >/dev/null 2>&1 && break
  sleep 1
done

# Codes 68 and 20 mean that the entry or value exists already.
output=$(ask ldapmodify -c -f "$people" 2>&1) || true
if printf '%s\n' "$output" | grep '^ldap_' | grep -vE '\((68|20)\)$'; then
  printf '%s\n' "$output" >&2
  exit 1
fi

# The owner gets the first password only if none is set.
if ! ask ldapsearch -LLL -s base -b "$owner" '(userPassword=*)' dn | grep -q '^dn:'; then
  ask ldappasswd -T "$first" "$owner"
fi
