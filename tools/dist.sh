#!/bin/sh
# Builds one archive for each platform in dist/, the same bytes each time, and their checksums.
set -eu
: "${GO:=go}" "${VERSION:?}" "${LDFLAGS:?}" "${PROGRAMS:?}"

rm -rf dist/archives
mkdir -p dist/archives
for platform in linux/amd64 linux/arm64 darwin/amd64 darwin/arm64; do
  os=${platform%/*} arch=${platform#*/}
  name=zen_${VERSION}_${os}_${arch}
  root=dist/archives/$name
  mkdir -p "$root/packaging"
  for p in $PROGRAMS; do
    CGO_ENABLED=0 GOOS=$os GOARCH=$arch "$GO" build -buildvcs=false -trimpath -ldflags "$LDFLAGS" -o "$root/$p" "./cmd/$p"
  done
  cp README.md SECURITY.md LICENSE CHANGELOG.md "$root"
  cp packaging/README.md packaging/config.toml "$root/packaging"
  case $os in
    linux) cp -R packaging/systemd "$root/packaging" ;;
    darwin) cp -R packaging/launchd "$root/packaging" ;;
  esac
  tar -C dist/archives --sort=name --owner=0 --group=0 --numeric-owner --mtime='2020-01-01 00:00:00Z' -cf - "$name" |
    gzip -n > "dist/archives/$name.tar.gz"
  rm -rf "$root"
  echo "dist/archives/$name.tar.gz"
done
cd dist/archives && sha256sum ./*.tar.gz > SHA256SUMS
