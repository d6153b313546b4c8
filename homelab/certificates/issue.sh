# shellcheck shell=bash
# Sign the certificates of the internal names with the key of the internal authority.
# Sourced with: sign ROOT GROUP UNIT DIRECTORY, then one `vouch DOMAIN NAME...` for each domain.
# The key is the credential "key". A certificate that is valid for another month and has the same
# names is kept.

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
    echo "the root certificate expires within a month; create another, and trust it on devices" >&2
    exit 1
  fi
}

vouch() {
  local domain=$1 names="" name new
  shift
  for name; do names="$names${names:+,}DNS:$name"; done
  if is_good "$domain" "$names"; then
    # The reverse proxy, and with it the group, may have changed.
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
  # One rename, so that key and certificate always match.
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

# A proxy that waits for this unit reads the files when it starts.
tell() {
  if [ -n "$changed" ]; then systemctl --no-block try-reload-or-restart "$unit"; fi
}
