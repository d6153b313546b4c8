# shellcheck shell=bash
# The bundle of an offline host on its relay: print its header and the host's report, replace it, or
# drop it. The account through which hosts fetch may write below report/ only, so a link there is not
# followed.

main() {
  local place=$root/var/lib/homelab-bundles/$OFFLINE_HOST report
  report=$place/report/word
  case $DO in
    look)
      [ ! -f "$place/bundle" ] ||
        sed -n -E -e '/^stage\(\)/q' -e 's/^(WHAT|RELEASE|DEPLOYMENT_ID|MADE|SINCE)=/\1 /p' "$place/bundle"
      if [ -f "$report" ] && [ ! -L "$report" ]; then
        head -c 65536 "$report" | LC_ALL=C tr -cd '\11\12\40-\176\200-\377' | sed '/^log /!s/^/report-/'
      fi
      ;;
    put)
      mkdir -p "$place"
      # The account must read the bundle; only it and root enter the directory.
      bundle >"$place/bundle.new" && chmod 0644 "$place/bundle.new"
      flush "$place/bundle.new"
      mv -f "$place/bundle.new" "$place/bundle"
      rm -f "$report"
      ;;
    drop) rm -f "$place/bundle" "$report" ;;
  esac
}

main </dev/null
