# shellcheck shell=bash
# Sign the certificates of the names at home with the key of the homelab's own authority.
# Sourced with: sign ROOT GROUP UNIT DIRECTORY, then one `vouch DOMAIN NAME...` for each domain.
# The key is the credential "key". What is good for another month, and for the same names, stays.

days=90 early=$((30 * 24 * 3600)) changed=""

sign() {
  root=$1 group=$2 unit=$3 directory=$4
  key=$CREDENTIALS_DIRECTORY/key
  umask 077
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  if [ "$(openssl x509 -in "$root" -noout -pubkey)" != "$(openssl pkey -in "$key" -pubout)" ]; then
    echo "the key network.entry.acme.key is not that of the root certificate" >&2
    exit 1
  fi
  if ! openssl x509 -in "$root" -noout -checkend "$early" >/dev/null; then
    echo "the root certificate ends within a month; make another, and let devices trust it" >&2
    exit 1
  fi
}

vouch() {
  local domain=$1 names="" name new
  shift
  for name; do names="$names${names:+,}DNS:$name"; done
  if is_good "$domain" "$names"; then
    # Another proxy may read them since then.
    chgrp -R "$group" "$directory/$domain/"
    return
  fi
  new=$(mktemp -d "$directory/.$domain.XXXXXX")
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$new/key.pem"
  printf '%s\n' "basicConstraints = critical, CA:FALSE" "keyUsage = critical, digitalSignature" \
    "extendedKeyUsage = serverAuth" "subjectAltName = $names" >"$work/extensions"
  openssl req -new -key "$new/key.pem" -subj "/O=homelab" -out "$work/request"
  openssl x509 -req -in "$work/request" -CA "$root" -CAkey "$key" -days "$days" -sha256 \
    -set_serial "0x$(openssl rand -hex 16)" -extfile "$work/extensions" -out "$new/cert.pem"
  openssl verify -CAfile "$root" "$new/cert.pem" >/dev/null
  cat "$new/cert.pem" "$root" >"$new/fullchain.pem"
  printf '%s\n' "$names" >"$new/names"
  chgrp -R "$group" "$new"
  chmod -R u=rwX,g=rX,o= "$new"
  # One rename, so that nobody finds the key of one and the certificate of another.
  ln -sfn "${new##*/}" "$directory/.$domain.link"
  mv -T "$directory/.$domain.link" "$directory/$domain"
  forget_others "$domain" "${new##*/}"
  changed=1
}

is_good() {
  local held=$directory/$1
  [ -s "$held/key.pem" ] && [ "$(cat "$held/names" 2>/dev/null)" = "$2" ] &&
    openssl x509 -in "$held/cert.pem" -noout -checkend "$early" >/dev/null 2>&1 &&
    openssl verify -CAfile "$root" "$held/cert.pem" >/dev/null 2>&1
}

forget_others() {
  local old
  for old in "$directory/.$1".*; do
    [ "${old##*/}" = "$2" ] || rm -rf "$old"
  done
}

# A proxy that waits for this one to end reads them when it starts.
tell() {
  if [ -n "$changed" ]; then systemctl --no-block try-reload-or-restart "$unit"; fi
}
