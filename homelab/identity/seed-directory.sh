# shellcheck shell=bash
# Put the people and groups of the stack into the directory, and leave alone what is there.
# Sourced with: the entries as LDIF, the directory's address, the account that may add them, the
# file with its password, the owner's entry, the file with the owner's first password.

people=$1 address=$2 admin=$3 password=$4 owner=$5 first=$6
ask() { "$@" -x -H "$address" -D "$admin" -y "$password"; }

# It answers a little after it says that it is ready.
for _ in 1 2 3 4 5 6 7 8 9 10; do
  ask ldapwhoami >/dev/null 2>&1 && break
  sleep 1
done

# Codes 68 and 20: it is there already, which is how it should be.
said=$(ask ldapmodify -c -f "$people" 2>&1) || true
if printf '%s\n' "$said" | grep '^ldap_' | grep -vE '\((68|20)\)$'; then
  printf '%s\n' "$said" >&2
  exit 1
fi

# Only somebody without a password is given one.
if ! ask ldapsearch -LLL -s base -b "$owner" '(userPassword=*)' dn | grep -q '^dn:'; then
  ask ldappasswd -T "$first" "$owner"
fi
