#!/bin/sh
# Runs every fuzz target of the module for $FUZZTIME, one after the other: go test -fuzz takes one target at a time.
set -eu
: "${GO:=go}" "${FUZZTIME:=20s}"

targets=0
list=$(find . -name '*_test.go' -exec grep -H '^func Fuzz' {} + | sed -n 's|^\(.*\)/[^/]*:func \(Fuzz[A-Za-z0-9_]*\)(.*|\1 \2|p' | sort -u)
while read -r dir target; do
  [ -n "$target" ] || continue
  echo "fuzzing $dir $target for $FUZZTIME"
  "$GO" test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 10x "$dir"
  targets=$((targets + 1))
done <<LIST
$list
LIST
[ "$targets" -gt 0 ] || { echo "found no fuzz target" >&2; exit 1; }
echo "$targets fuzz targets passed"
