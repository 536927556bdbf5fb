#!/bin/sh
# Puts a whole release into dist/release: archives, packages, a bill of materials for each program,
# checksums, their signature, install.sh and the notes. The same commit and key give the same bytes.
# KEY is the file of an SSH private key; it is used by ssh-keygen and stays where it is.
set -eu
: "${GO:=go}" "${VERSION:?}" "${LDFLAGS:?}" "${PROGRAMS:?}" "${MTIME:?}" "${ADDRESS:?}"
: "${KEY:?make release needs KEY=FILE, the SSH key that signs the release}"
: "${OUT:=$PWD/dist/release}"

rm -rf "$OUT"
mkdir -p "$OUT"
OUT=$OUT/archives sh tools/dist.sh
OUT=$OUT/packages sh tools/packages.sh
mv "$OUT"/archives/*.tar.gz "$OUT"/packages/zen* "$OUT"
rm -r "$OUT/archives" "$OUT/packages"
for p in $PROGRAMS; do
  CGO_ENABLED=0 "$GO" build -buildvcs=false -trimpath -ldflags "$LDFLAGS" -o "$OUT/$p" "./cmd/$p"
  "$GO" tool -modfile=tools/supply.mod cyclonedx-gomod bin -json -std -noserial -notimestamp \
    -version "v$VERSION" -output "$OUT/$p.cdx.json" "$OUT/$p"
  rm "$OUT/$p"
done
signer=$(ssh-keygen -y -f "$KEY" | cut -d ' ' -f 1,2)
sed -e "s|@VERSION@|$VERSION|" -e "s|@ADDRESS@|$ADDRESS|" -e "s|@SIGNER@|$signer|" \
  packaging/install.sh > "$OUT/install.sh"
# The notes are the changelog's part for this version, or what is not released yet.
awk -v version="## $VERSION" 'index($0, version) == 1 || !found && /^## Unreleased/ { found = on = 1; next }
  /^## / { on = 0 } on' CHANGELOG.md > "$OUT/NOTES.md"
(cd "$OUT" && sha256sum -- * > ../SHA256SUMS.new && mv ../SHA256SUMS.new SHA256SUMS)
ssh-keygen -q -Y sign -f "$KEY" -n zen-release "$OUT/SHA256SUMS"
ls -1 "$OUT"
