# shellcheck shell=bash
# Build a web site, and serve it only when all of it is there. The unit of the build defines the
# function `commands`, sets the variables below, and calls `homelab_site`.
#   REPOSITORY, and REV (a commit) or BRANCH; or SOURCE, a directory
#   OUTPUT   the finished site, below the root of the sources
#   RECIPE   a digest of the commands: other commands build the same sources again
#   TOKEN    the file with the access token of the repository, if it has one
# In the state directory, `site/current` is the site. It changes with one rename.

homelab_site() {
  local revision key
  cd "$STATE_DIRECTORY" || exit 1
  mkdir -p home site
  chmod 0755 site
  export HOME=$PWD/home
  revision=$(homelab_revision)
  if [ "$(readlink site/current || true)" = "$revision-$RECIPE" ]; then
    echo "$revision is built already"
    return
  fi
  # systemd does not notice that a watched file changes while the build runs.
  for _ in 1 2 3; do
    key=$revision-$RECIPE
    homelab_build "$revision" "$key"
    ln -sfn "$key" site/next
    mv -T site/next site/current
    echo "$revision is served"
    homelab_tidy "$key"
    revision=$(homelab_revision)
    if [ "$revision-$RECIPE" = "$key" ]; then return; fi
  done
  echo "the sources changed during every build; the next build has $revision" >&2
}

# Build a revision into `site/KEY`, all of it or nothing.
homelab_build() {
  local top
  if [ -d "site/$2" ]; then return; fi
  rm -rf work
  mkdir work
  homelab_fetch "$1"
  (cd work && commands) || homelab_fail "the build failed"
  top=$(realpath -e -- "work/$OUTPUT") || homelab_fail "the build made no $OUTPUT"
  case $top/ in
    "$PWD"/work/*) ;;
    *) homelab_fail "$OUTPUT is outside of the sources" ;;
  esac
  [ -d "$top" ] || homelab_fail "$OUTPUT is not a directory"
  rm -rf "$top/.git"
  homelab_links "$top"
  chmod -R u=rwX,go=rX "$top"
  mv -T "$top" "site/$2"
  rm -rf work
}

# The name of the sources as they are now.
homelab_revision() {
  local found
  if [ -n "${SOURCE-}" ]; then
    # Names, contents and permissions, without times.
    found=$(tar --create --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
      --directory="$SOURCE" . | sha256sum)
    echo "${found:0:40}"
  elif [ -n "${REV-}" ]; then
    echo "$REV"
  else
    found=$(homelab_git ls-remote --exit-code "$REPOSITORY" "refs/heads/$BRANCH") ||
      homelab_fail "$REPOSITORY has no branch $BRANCH, or does not answer"
    echo "${found%%[[:space:]]*}"
  fi
}

# Put the sources into the directory `work`.
homelab_fetch() {
  if [ -n "${SOURCE-}" ]; then
    cp --recursive --no-dereference --no-preserve=mode,ownership "$SOURCE/." work
    return
  fi
  homelab_git init --quiet work
  # A server may refuse to send a single commit.
  if ! homelab_git -C work fetch --quiet --depth=1 "$REPOSITORY" "$1"; then
    homelab_git -C work fetch --quiet --tags "$REPOSITORY" '+refs/heads/*:refs/remotes/origin/*' ||
      homelab_fail "$REPOSITORY does not answer"
  fi
  homelab_git -C work checkout --quiet --detach "$1" -- ||
    homelab_fail "$REPOSITORY has no commit $1"
}

# git, with the token for this repository's server alone. It is read from its file, because other
# users can read arguments.
homelab_git() {
  local origin=${REPOSITORY#*://} login=
  if [ -n "${TOKEN-}" ]; then
    # shellcheck disable=SC2016 # git's shell expands it
    login='!f() { [ "$1" != get ] || printf "username=token\npassword=%s\n" "$(cat "$TOKEN")"; }; f'
  fi
  TOKEN=${TOKEN-} GIT_TERMINAL_PROMPT=0 git \
    -c "credential.${REPOSITORY%%://*}://${origin%%/*}.helper=$login" -c init.defaultBranch=main "$@"
}

# Refuse symbolic links that leave the site: they would publish other files of the host.
homelab_links() {
  local link target
  while IFS= read -r -d '' link; do
    target=$(realpath -m -- "$link")
    case $(readlink -- "$link") in
      /*) homelab_fail "${link#"$1"/} is a link to an absolute path; make it relative" ;;
    esac
    case $target/ in
      "$1"/*) ;;
      *) homelab_fail "${link#"$1"/} is a link that leaves the site" ;;
    esac
  done < <(find "$1" -type l -print0)
}

# Remove builds, but not the one that is served and the one before it.
homelab_tidy() {
  local old kept=0
  while IFS= read -r old; do
    if [ "$old" = "$1" ]; then continue; fi
    kept=$((kept + 1))
    if [ "$kept" -gt 1 ]; then rm -rf "site/$old"; fi
  done < <(find site -mindepth 1 -maxdepth 1 -type d -printf '%C@ %f\n' | sort -rn | cut -d' ' -f2)
}

homelab_fail() {
  echo "$1; the site that was there is still served" >&2
  exit 1
}
