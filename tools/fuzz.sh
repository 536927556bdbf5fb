#!/bin/sh
# Runs fuzz targets for $FUZZTIME each, $JOBS at once: those that are named by pairs of arguments, DIRECTORY TARGET, or else every one
# of the module. It prints how many inputs each one tried.
#
# What fails is a target with an input that it keeps below testdata. Go's coordinator of fuzzing sometimes takes the end of the time
# for a failure, on a busy machine above all (golang/go#75804): it then says "context deadline exceeded" and keeps no input.
set -eu
: "${GO:=go}" "${FUZZTIME:=30s}" "${JOBS:=1}"
export GO FUZZTIME

if [ "${1-}" = --one ]; then
  dir=$2 target=$3
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  status=0
  "$GO" test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 10x -parallel "$WORKERS" "$dir" >"$log" 2>&1 || status=$?
  if [ "$status" -ne 0 ]; then
    if grep -q 'Failing input written' "$log" || ! grep -q '^ *context deadline exceeded$' "$log"; then
      cat "$log"
      exit 1
    fi
  fi
  tried=$(sed -n 's/^fuzz: elapsed: .* execs: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  [ "${tried:-0}" -gt 0 ] || { cat "$log"; echo "$dir $target tried nothing" >&2; exit 1; }
  echo "$dir $target: $tried inputs"
  exit 0
fi

if [ $# -gt 0 ]; then
  list=$(printf '%s %s\n' "$@")
else
  list=$(find . -name '*_test.go' -exec grep -H '^func Fuzz' {} + | sed -n 's|^\(.*\)/[^/]*:func \(Fuzz[A-Za-z0-9_]*\)(.*|\1 \2|p' | sort -u)
fi
[ -n "$list" ] || { echo "found no fuzz target" >&2; exit 1; }
cores=$(getconf _NPROCESSORS_ONLN)
WORKERS=$(((cores + JOBS - 1) / JOBS))
export WORKERS
echo "fuzzing $(echo "$list" | wc -l) targets for $FUZZTIME each, $JOBS at once"
echo "$list" | xargs -n 2 -P "$JOBS" sh "$0" --one
echo "all fuzz targets passed"
