#!/bin/sh
# Builds the programs twice, from two directories and without what the other left, and compares them byte by byte.
set -eu
: "${GO:=go}" "${VERSION:?}" "${PROGRAMS:?}"

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
for copy in first second/elsewhere; do
  mkdir -p "$work/$copy"
  tar -cf - --exclude=./.git --exclude=./.build --exclude=./bin --exclude=./dist . | tar -xf - -C "$work/$copy"
  echo "building in $work/$copy"
  GOCACHE="$work/$copy/.cache" make -s -C "$work/$copy" build VERSION="$VERSION" GO="$GO" > /dev/null
done
for p in $PROGRAMS; do
  cmp "$work/first/bin/$p" "$work/second/elsewhere/bin/$p"
  (cd "$work/first/bin" && sha256sum "$p")
done
echo "both builds are the same"
