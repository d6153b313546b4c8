# shellcheck shell=bash
# Move files of a mergerfs pool from one branch to the others. Each file keeps its relative path, its
# attributes and its hard links. A file that is open, that has a name outside of the branch, or whose
# path exists on another branch stays.
# Arguments: the branch, the age in days (0: any), the fill in percent (0: any), the other branches.

from=$1 age=$2 fill=$3
shift 3
to=("$@")
export LC_ALL=C
reserve=$((1 << 30)) # bytes that stay free on a branch that gets a file
moved=0 stayed=0 failed=0

say() { printf 'homelab: %s\n' "$1" >&2; }
stay() {
  stayed=$((stayed + 1))
  say "${1@Q} stays on $from: $2"
}
fullness() { df --output=pcent -- "$from" | tail -n 1 | tr -dc 0-9; }
space() { df --output=avail --block-size=1 -- "$1" | tail -n 1 | tr -dc 0-9; }
exists() { [ -e "$1" ] || [ -L "$1" ]; }
parent() { case $1 in */*) printf '%s' "${1%/*}" ;; esac }
# What changes when a file is written or gets other attributes.
state() { stat --format='%i %s %Y %Z %a %u %g' -- "$1"; }

# Enter a directory of a branch and no other: a symbolic link in the path could lead out of it.
enter() {
  local top
  top=$(cd -P -- "$1" && pwd) || return
  cd -P -- "$1${2:+/$2}" 2>/dev/null || return
  [ "$PWD" = "$top${2:+/$2}" ]
}

# Create the directories of a path on a branch, each with the attributes that it has on the other.
make_parents() {
  local branch=$1 part path='' parts
  [ -n "$2" ] || return 0
  IFS=/ read -r -d '' -a parts < <(printf '%s\0' "$2")
  enter "$branch" '' || return
  for part in "${parts[@]}"; do
    path=${path:+$path/}$part
    if [ ! -d "./$part" ]; then
      mkdir -- "./$part" || return
      chown --reference="$from/$path" -- "./$part" && chmod --reference="$from/$path" -- "./$part" || return
    fi
    enter "$branch" "$path" || return
  done
}

# The names of a file in the branch, each with a NUL. By its inode: `-samefile` opens the file, and
# then `fuser` may still see find.
names_of() {
  find "$from" -xdev -type f -inum "$(stat --format=%i -- "$from/$1")" -printf '%P\0'
}

# Branch with the most space for a file of this size; nothing if none has enough.
roomiest() {
  local branch best='' most=0 free
  for branch in "${to[@]}"; do
    free=$(space "$branch")
    if [ "$free" -gt "$most" ]; then best=$branch most=$free; fi
  done
  [ "$most" -lt "$(($1 + reserve))" ] || printf '%s' "$best"
}

# A move that was cut off after its copy was complete: the copy is the same, so the original goes.
finish() {
  local name=$1 branch=$2
  [ "$(stat --format=%h -- "$from/$name")" = 1 ] || return
  [ -f "$branch/$name" ] && [ ! -L "$branch/$name" ] || return
  [ "$(stat --format='%s %Y' -- "$from/$name")" = "$(stat --format='%s %Y' -- "$branch/$name")" ] || return
  cmp --silent -- "$from/$name" "$branch/$name" || return
  ! fuser --silent "$from/$name" && rm -- "$from/$name"
}

# Copy a file to a branch under a name of our own, compare, and give it its names there. Everything
# is undone if the file has changed meanwhile.
carry() (
  set -e
  branch=$1 first=$2
  shift 2
  before=$(state "$from/$first")
  make_parents "$branch" "$(parent "$first")"
  enter "$branch" "$(parent "$first")"
  copy=$(mktemp ./.homelab-mover.XXXXXX)
  made=()
  # shellcheck disable=SC2317,SC2329 # the trap calls it
  undo() {
    rm -f -- "$copy"
    for one in "${made[@]}"; do rm -f -- "$one"; done
  }
  trap undo EXIT
  cp --archive --no-target-directory -- "$from/$first" "$copy"
  [ -f "$copy" ] && [ ! -L "$copy" ]
  sync -- "$copy"
  cmp --silent -- "$from/$first" "$copy"
  mv --no-clobber --no-target-directory -- "$copy" "./${first##*/}"
  [ ! -e "$copy" ] # mv leaves it where the name exists
  made+=("$branch/$first")
  for name in "$@"; do
    make_parents "$branch" "$(parent "$name")"
    enter "$branch" "$(parent "$name")"
    ln --no-target-directory -- "$branch/$first" "./${name##*/}"
    made+=("$branch/$name")
  done
  sync -- "$branch/$first"
  # Whoever opened it meanwhile, or wrote to it, keeps the original.
  if fuser --silent "$from/$first"; then exit 1; fi
  [ "$(state "$from/$first")" = "$before" ]
  trap - EXIT
  for name in "$first" "$@"; do rm -- "$from/$name"; done
)

move() {
  local first=$1 names=() name branch links
  links=$(stat --format=%h -- "$from/$first") || return 0
  if [ "$links" -gt 1 ]; then
    mapfile -d '' -t names < <(names_of "$first")
    if [ "${#names[@]}" != "$links" ]; then
      stay "$first" "it has another name outside of $from"
      return
    fi
  else
    names=("$first")
  fi
  for name in "${names[@]}"; do
    for branch in "${to[@]}"; do
      exists "$branch/$name" || continue
      if finish "$name" "$branch"; then
        moved=$((moved + 1))
      else
        stay "$name" "$branch has another file of that name"
      fi
      return
    done
  done
  if fuser --silent "$from/$first"; then
    stay "$first" 'it is open'
    return
  fi
  branch=$(roomiest "$(stat --format=%s -- "$from/$first")")
  if [ -z "$branch" ]; then
    stay "$first" 'no other branch has enough space'
    return
  fi
  # Not in a condition: there, a shell goes on after an error.
  carry "$branch" "${names[@]}" &
  if wait "$!"; then
    moved=$((moved + 1))
  else
    failed=$((failed + 1))
    say "${first@Q} stays on $from: it could not be copied to $branch, or it changed meanwhile"
  fi
}

for branch in "${to[@]}"; do
  # Copies that a power cut left.
  find "$branch" -xdev -type f -name '.homelab-mover.??????' -delete
done

now=$(date +%s)
declare -A seen=()
while IFS=' ' read -r -d '' changed inode name; do
  # Several names of one file move together.
  [ -z "${seen[$inode]:-}" ] || continue
  seen[$inode]=1
  if ! { [ "$age" -gt 0 ] && [ "${changed%.*}" -lt "$((now - age * 86400))" ]; }; then
    # The oldest come first: with space enough, nothing is left to move.
    if [ "$fill" = 0 ] || [ "$(fullness)" -le "$fill" ]; then break; fi
  fi
  move "$name"
done < <(find "$from" -xdev -type f -printf '%C@ %i %P\0' | sort --zero-terminated --numeric-sort)

say "$moved files moved from $from, $stayed stay, $failed could not be moved"
[ "$failed" = 0 ]
