# shellcheck shell=bash
# Make the key that the sign-in signs its tokens with, once. Sourced with the path of the key.

key=$1
if [ ! -s "$key" ]; then
  openssl genrsa -out "$key.new" 3072
  # Whole or not at all: the sign-in does not start with half a key.
  mv -f "$key.new" "$key"
fi
