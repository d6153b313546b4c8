# shellcheck shell=bash
# Write the key of an app's API into the file in which the app keeps its settings, before it starts.
# Everything else in the file stays unchanged. The key is read from a file, because other users can
# read arguments.
# Arguments: the language of the file, the app's file, the place of the key in it or -, the file with the
# key.

homelab_api_key() {
  local format=$1 file=$2 place=$3 key=$4 new
  new=$file.homelab
  (umask 077 && mkdir -p "${file%/*}" && : >"$new" && touch "$file")
  case $format in
    ini)
      [ -s "$file" ] || printf '[%s]\n' "${place%%.*}" >"$file"
      homelab_ini "${place%%.*}" "${place#*.}" "$key" ' = ' <"$file" >"$new"
      ;;
    json)
      [ -s "$file" ] || printf '{}\n' >"$file"
      jq --arg place "$place" --rawfile key "$key" '.[$place] = ($key | rtrimstr("\n"))' \
        <"$file" >"$new"
      ;;
    deluge) homelab_deluge "$file" "$key" >"$new" ;;
    nzbget)
      homelab_ini '' RestrictedUsername <(echo homelab) = <"$file" |
        homelab_ini '' RestrictedPassword "$key" = >"$new"
      ;;
    qbittorrent) homelab_qbittorrent "$file" "$key" >"$new" ;;
  esac
  chmod --reference="$file" "$new"
  mv -f "$new" "$file"
}

# The settings on standard input with the value of one key in one section: its first line in a file.
# A file without sections has the section ''.
homelab_ini() { # homelab_ini SECTION NAME FILE BETWEEN
  NAME=$2 awk -v section="$1" -v file="$3" -v between="$4" '
    function put() { if (!done) print name between key; done = 1 }
    BEGIN { getline key < file; name = ENVIRON["NAME"]; inside = section == "" }
    # A subsection has more brackets; its keys are others.
    section != "" && /^[ \t]*\[[^[]/ {
      if (inside) put()
      inside = ($0 ~ "^[ \t]*\\[" section "\\]")
      print
      next
    }
    section != "" && /^[ \t]*\[\[/ { if (inside) put(); inside = 0; print; next }
    inside {
      line = $0
      sub(/^[ \t]*/, "", line)
      rest = substr(line, length(name) + 1)
      if (index(line, name) == 1 && rest ~ /^[ \t]*=/) { put(); next }
    }
    { print }
    END {
      if (inside) put()
      if (!done) { print "[" section "]"; put() }
    }
  '
}

# 20 random bytes as hexadecimal digits.
homelab_salt() { od -An -N20 -tx1 /dev/urandom | tr -d ' \n'; }

# The settings of Deluge's pages: an object with versions, then one with the settings. A salt whose
# hash is that of the password stays, so that an unchanged password changes nothing.
homelab_deluge() { # homelab_deluge FILE PASSWORD_FILE
  local password salt hash
  password=$(<"$2")
  [ -s "$1" ] || printf '{"file": 2, "format": 1}{}\n' >"$1"
  salt=$(jq -rs 'last.pwd_salt // ""' "$1")
  hash=$(homelab_sha1 "$salt$password")
  if [ -z "$salt" ] || [ "$hash" != "$(jq -rs 'last.pwd_sha1 // ""' "$1")" ]; then
    salt=$(homelab_salt)
    hash=$(homelab_sha1 "$salt$password")
  fi
  jq -s --arg salt "$salt" --rawfile hash <(printf %s "$hash") '
    .[:-1][], (last + {pwd_salt: $salt, pwd_sha1: $hash, first_login: false}
      | del(.pwd_md5, .old_pwd_md5, .old_pwd_salt))
  ' "$1"
}

homelab_sha1() {
  local sum
  sum=$(printf %s "$1" | sha1sum)
  printf %s "${sum%% *}"
}

# The settings of qBittorrent. A hash of the same password stays.
homelab_qbittorrent() { # homelab_qbittorrent FILE PASSWORD_FILE
  local salt hash old
  [ -s "$1" ] || printf '[Preferences]\n' >"$1"
  old=$(sed -n 's/^WebUI\\Password_PBKDF2="\?@ByteArray(\([^)]*\))"\?$/\1/p' "$1" | head -n 1)
  salt=${old%%:*}
  hash=$(homelab_pbkdf2 "$salt" <"$2")
  if [ -z "$salt" ] || [ "$old" != "$salt:$hash" ]; then
    salt=$(head -c 16 /dev/urandom | base64)
    hash=$(homelab_pbkdf2 "$salt" <"$2")
  fi
  homelab_ini Preferences 'WebUI\Username' <(echo admin) = <"$1" |
    homelab_ini Preferences 'WebUI\Password_PBKDF2' \
      <(printf '"@ByteArray(%s:%s)"\n' "$salt" "$hash") =
}

# PBKDF2 of the password on standard input, with HMAC-SHA-512 and 100000 rounds as in qBittorrent.
homelab_pbkdf2() { # homelab_pbkdf2 SALT_IN_BASE64
  # shellcheck disable=SC2016 # $ in a program of Perl is a variable of Perl.
  perl -MDigest::SHA=hmac_sha512 -MMIME::Base64 -e '
    my ($salt, $password) = (decode_base64(shift), scalar <STDIN>);
    chomp $password;
    my $round = my $hash = hmac_sha512($salt . pack("N", 1), $password);
    $hash ^= $round = hmac_sha512($round, $password) for 2 .. 100000;
    print encode_base64($hash, "");
  ' "$1"
}

homelab_api_key "$@"
