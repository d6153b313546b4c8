# shellcheck shell=bash
# Report an unusable WiFi secret without printing it. Runs before wpa_supplicant, which would start
# without a password.

secret=${HOMELAB_ROOT:-}/run/secrets/wifi-psk
lines=0 good=
while IFS= read -r line || [ -n "$line" ]; do
  lines=$((lines + 1))
  case $line in
    wifi_psk=?*) good=yes ;;
  esac
done <"$secret"
if [ "$lines" != 1 ] || [ -z "$good" ]; then
  echo "homelab: the secret wifi-psk is not one line of the form wifi_psk=<password>" >&2
  exit 1
fi
