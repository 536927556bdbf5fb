#!/bin/sh
# Builds the Linux packages of each architecture in ARCHES into dist/packages, the same bytes each
# time: packaging/linux/nfpm.yaml describes them, this script lays out what they install.
set -eu
: "${GO:=go}" "${VERSION:?}" "${LDFLAGS:?}" "${PROGRAMS:?}" "${MTIME:?}" "${ARCHES:=amd64}"
SOURCE_DATE_EPOCH=$(date -u -d "$MTIME" +%s)
export SOURCE_DATE_EPOCH
: "${FORMATS:=deb rpm apk archlinux}"

out=${OUT:-$PWD/dist/packages}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$out"
mkdir -p "$out"

build() { # GOARCH DIRECTORY
  arch=$1 arm=
  case $arch in arm7) arch=arm arm=7 ;; esac
  for p in $PROGRAMS; do
    CGO_ENABLED=0 GOOS=linux GOARCH=$arch GOARM=$arm "$GO" build -buildvcs=false -trimpath \
      -ldflags "$LDFLAGS" -o "$2/$p" "./cmd/$p"
  done
}

# The manual and the completions come from the program itself, one that runs here.
native=$work/native
build "$("$GO" env GOHOSTARCH)" "$native"
mkdir -p "$work/share/man/man1" "$work/share/doc/zen" "$work/completions"
"$native/zen" man --dir "$work/share/man/man1"
gzip -n -9 "$work"/share/man/man1/*
for s in bash zsh fish; do "$native/zen" completion $s > "$work/completions/$s"; done

cp packaging/config.toml README.md SECURITY.md CHANGELOG.md "$work/share/doc/zen"
gzip -n -9 "$work/share/doc/zen/CHANGELOG.md"
mv "$work/share/doc/zen/CHANGELOG.md.gz" "$work/share/doc/zen/changelog.gz"
cat > "$work/changelog.yaml" <<YAML
- semver: $VERSION
  date: $MTIME
  deb: {urgency: medium, distributions: [stable]}
  packager: The zen authors <zen-agent@users.noreply.github.com>
  changes:
    - note: see /usr/share/doc/zen/changelog.gz
YAML

(cd "$work/share" && find . -type f | sort | sed 's|^\./||') | while read -r file; do
  echo "  - {src: \"$work/share/$file\", dst: /usr/share/$file, type: doc, packager: rpm}"
done > "$work/rpm-documents"

layout() { # DIRECTORY
  usr=$1/usr
  install -d "$usr/lib/systemd/user" "$usr/lib/systemd/user-preset" \
    "$usr/share/bash-completion/completions" "$usr/share/fish/vendor_completions.d"
  sed 's|%h/.local/bin/zend|/usr/bin/zend|' packaging/systemd/zend.service > "$usr/lib/systemd/user/zend.service"
  install -m 644 packaging/systemd/zend.socket "$usr/lib/systemd/user/"
  install -m 644 packaging/linux/50-zend.preset "$usr/lib/systemd/user-preset/"
  install -m 644 "$work/completions/bash" "$usr/share/bash-completion/completions/zen"
  install -m 644 "$work/completions/fish" "$usr/share/fish/vendor_completions.d/zen.fish"
  chmod 644 "$usr/lib/systemd/user/zend.service"
}

for arch in $ARCHES; do
  root=$work/$arch
  build "$arch" "$root/usr/bin"
  layout "$root"
  cp LICENSE "$work/LICENSE"
  find "$work" -exec touch -d "$MTIME" {} +
  for format in $FORMATS; do
    sed -e "/RPM_DOCUMENTS/r $work/rpm-documents" -e "s|\${ARCH}|$arch|g" -e "s|\${PACKAGE_VERSION}|$VERSION|g" -e "s|\${MTIME}|$MTIME|g" \
      -e "s|\${ROOT}|$root|g" -e "s|\${WORK}|$work|g" packaging/linux/nfpm.yaml > "$work/nfpm.yaml"
    "$GO" tool -modfile=tools/nfpm.mod nfpm package -f "$work/nfpm.yaml" -p "$format" -t "$out/" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  done
done
cd "$out" && ls -1 && sha256sum -- * > SHA256SUMS
