# shellcheck shell=bash
# What waits here for an offline host: say what it is and what that host reported, replace it, or
# drop it. The account that hosts fetch through may write below report/ only, and its links lead
# nowhere.

main() {
  local place=$root/var/lib/homelab-bundles/$OFFLINE_HOST told
  told=$place/report/word
  case $DO in
    look)
      [ ! -f "$place/bundle" ] ||
        sed -n -E -e '/^stage\(\)/q' -e 's/^(WHAT|RELEASE|DEPLOYMENT_ID|MADE|SINCE)=/\1 /p' "$place/bundle"
      if [ -f "$told" ] && [ ! -L "$told" ]; then
        head -c 65536 "$told" | LC_ALL=C tr -cd '\11\12\40-\176\200-\377' | sed '/^log /!s/^/report-/'
      fi
      ;;
    put)
      mkdir -p "$place"
      # Readable for the account, whose directory the one above is.
      bundle >"$place/bundle.new" && chmod 0644 "$place/bundle.new"
      flush "$place/bundle.new"
      mv -f "$place/bundle.new" "$place/bundle"
      rm -f "$told"
      ;;
    drop) rm -f "$place/bundle" "$told" ;;
  esac
}

main </dev/null
