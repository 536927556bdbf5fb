#!/bin/sh
# Runs every fuzz target of the module for $FUZZTIME, one after the other: go test -fuzz takes one target at a time.
#
# Go's coordinator of fuzzing sometimes takes the end of the time for a failure, on a busy machine above all (golang/go#75804): it
# says "context deadline exceeded" and keeps no input. Such a target is run once more; an input that was kept is a failure.
set -eu
: "${GO:=go}" "${FUZZTIME:=20s}"

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT

# fuzz runs the target $2 of the package $1.
fuzz() {
  {
    status=0
    "$GO" test -run '^$' -fuzz "^$2\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 10x "$1" 2>&1 || status=$?
    echo "$status" >"$temp/status"
  } | tee "$temp/log"
  return "$(cat "$temp/status")"
}

targets=0
list=$(find . -name '*_test.go' -exec grep -H '^func Fuzz' {} + | sed -n 's|^\(.*\)/[^/]*:func \(Fuzz[A-Za-z0-9_]*\)(.*|\1 \2|p' | sort -u)
while read -r dir target; do
  [ -n "$target" ] || continue
  echo "fuzzing $dir $target for $FUZZTIME"
  if ! fuzz "$dir" "$target"; then
    grep -q '^ *context deadline exceeded$' "$temp/log" || exit 1
    if grep -q 'Failing input written' "$temp/log"; then exit 1; fi
    echo "fuzzing $dir $target again: its end was taken for a failure"
    fuzz "$dir" "$target"
  fi
  targets=$((targets + 1))
done <<LIST
$list
LIST
[ "$targets" -gt 0 ] || { echo "found no fuzz target" >&2; exit 1; }
echo "$targets fuzz targets passed"
