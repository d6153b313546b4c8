# shellcheck shell=bash
# Create the token signing key of the identity provider if it is missing. Argument: its path.

key=$1
if [ ! -s "$key" ]; then
  openssl genrsa -out "$key.new" 3072
  # Rename a complete file: the provider does not start with a partial key.
  mv -f "$key.new" "$key"
fi
