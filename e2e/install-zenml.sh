#!/usr/bin/env bash
# Installs real ZenMLs, server and command line, into .build/zenml-VERSION with pip, one for each file in e2e/zenml; nothing when
# they are there. The first time takes a minute or two for each, and some 220 MB.
set -euo pipefail

for list in e2e/zenml/*.txt; do
  version=$(basename "$list" .txt)
  dir=$PWD/.build/zenml-$version
  # The programs in it hold the path, so a copy of it elsewhere is none.
  if [ "$(cat "$dir/complete" 2>/dev/null)" = "$dir $(cksum < "$list")" ]; then continue; fi
  echo "installing ZenML $version"
  mkdir -p .build
  rm -rf "$dir"
  if ! python3 -m venv "$dir"; then
    echo "python3 makes no virtual environment, which ZenML $version is installed into (Debian: python3-venv)" >&2
    exit 1
  fi
  for try in 1 2 last; do
    if "$dir/bin/pip" install -q --disable-pip-version-check -r "$list"; then
      echo "$dir $(cksum < "$list")" > "$dir/complete"
      break
    fi
    echo "installation attempt $try failed" >&2
    if [ "$try" = last ]; then
      echo "ZenML $version cannot be installed: no test can be made with a real server. pip needs a package index that it can" >&2
      echo "reach, and Python 3.10 to 3.13 (this is $("$dir/bin/python" --version)); see what it says above, and pip config list" >&2
      exit 1
    fi
  done
done
