#!/bin/sh
# Writes what each program in bin/ is linked from, as CycloneDX, into dist/sbom. It is read out of the programs themselves.
set -eu
: "${GO:=go}" "${VERSION:?}" "${PROGRAMS:?}"

mkdir -p dist/sbom
for p in $PROGRAMS; do
  "$GO" tool -modfile=tools/supply.mod cyclonedx-gomod bin -json -std -noserial -notimestamp -version "v$VERSION" \
    -output "dist/sbom/$p.cdx.json" "bin/$p"
  echo "dist/sbom/$p.cdx.json"
done
