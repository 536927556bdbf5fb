#!/bin/sh
# Builds one archive for each platform in dist/, the same bytes each time, and their checksums.
set -eu
: "${GO:=go}" "${VERSION:?}" "${LDFLAGS:?}" "${PROGRAMS:?}"

: "${OUT:=dist/archives}"
: "${PLATFORMS:=linux/amd64 linux/arm64 linux/armv7 linux/riscv64 darwin/amd64 darwin/arm64}"

rm -rf "$OUT"
mkdir -p "$OUT"
for platform in $PLATFORMS; do
  os=${platform%/*} arch=${platform#*/} goarch=${platform#*/} arm=
  case $arch in armv7) goarch=arm arm=7 ;; esac
  name=zen_${VERSION}_${os}_${arch}
  root=$OUT/$name
  mkdir -p "$root/packaging"
  for p in $PROGRAMS; do
    CGO_ENABLED=0 GOOS=$os GOARCH=$goarch GOARM=$arm "$GO" build -buildvcs=false -trimpath -ldflags "$LDFLAGS" -o "$root/$p" "./cmd/$p"
  done
  cp README.md SECURITY.md LICENSE CHANGELOG.md "$root"
  cp packaging/README.md packaging/config.toml "$root/packaging"
  case $os in
    linux) cp -R packaging/systemd "$root/packaging" ;;
    darwin) cp -R packaging/launchd "$root/packaging" ;;
  esac
  tar -C "$OUT" --sort=name --owner=0 --group=0 --numeric-owner --mtime='2020-01-01 00:00:00Z' -cf - "$name" |
    gzip -n > "$OUT/$name.tar.gz"
  rm -rf "$root"
  echo "$OUT/$name.tar.gz"
done
cd "$OUT" && sha256sum ./*.tar.gz > SHA256SUMS
