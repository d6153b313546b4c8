# shellcheck shell=bash
# What waits here for a host that sleeps: say what it is and what that host told, replace it, or
# drop it. The account that hosts fetch through may write below told/ only, and its links lead
# nowhere.

main() {
  local place=$root/var/lib/homelab-parcels/$SLEEPER told
  told=$place/told/word
  case $DO in
    look)
      [ ! -f "$place/parcel" ] ||
        sed -n -E -e '/^stage\(\)/q' -e 's/^(WHAT|RELEASE|NONCE|MADE|SINCE)=/\1 /p' "$place/parcel"
      if [ -f "$told" ] && [ ! -L "$told" ]; then
        head -c 65536 "$told" | LC_ALL=C tr -cd '\11\12\40-\176\200-\377' | sed '/^log /!s/^/told-/'
      fi
      ;;
    put)
      mkdir -p "$place"
      # Readable for the account, whose directory the one above is.
      parcel >"$place/parcel.new" && chmod 0644 "$place/parcel.new"
      flush "$place/parcel.new"
      mv -f "$place/parcel.new" "$place/parcel"
      rm -f "$told"
      ;;
    drop) rm -f "$place/parcel" "$told" ;;
  esac
}

main </dev/null
