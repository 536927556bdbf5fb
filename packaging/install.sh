#!/bin/sh
# Installs zen for this user, without root: downloads the archive for this system, verifies the
# release's signature and the archive's checksum, and puts three programs into a directory.
#
#   sh install.sh [--bin DIRECTORY] [--from ADDRESS]
#   sh install.sh --uninstall [--bin DIRECTORY]
#
# `make release` fills in the version, the address and the public key of the release.
set -eu

version='@VERSION@'
from='@ADDRESS@'
signer='@SIGNER@'
bin=${HOME:?HOME is not set}/.local/bin
programs='zend zen docker-credential-zen'
uninstall=

say() { printf '%s\n' "$*"; }
fail() {
  printf 'install.sh: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf 'install.sh: %s\n' "$2" >&2
  exit 1
}

while [ $# -gt 0 ]; do
  case $1 in
    --bin) bin=${2:?--bin needs a directory}; shift 2 ;;
    --from) from=${2:?--from needs an address}; shift 2 ;;
    --uninstall) uninstall=yes; shift ;;
    *) fail "unknown option '$1'" "options: --bin DIRECTORY, --from ADDRESS, --uninstall" ;;
  esac
done

remove() {
  if [ -x "$bin/zen" ]; then
    "$bin/zen" setup --undo || fail "clients could not be pointed away from zen, so nothing was removed" \
      "see what stands in the way: zen doctor"
    "$bin/zen" daemon stop >/dev/null 2>&1 || true
  fi
  for p in $programs; do rm -f "$bin/$p"; done
  say "Removed $programs from $bin."
  say "Your vault and settings stay: ${XDG_DATA_HOME:-$HOME/.local/share}/zen, ${XDG_CONFIG_HOME:-$HOME/.config}/zen."
}

if [ -n "$uninstall" ]; then
  remove
  exit 0
fi

case $(uname -s) in
  Linux) os=linux ;;
  Darwin) os=darwin ;;
  *) fail "there is no release for $(uname -s)" "build it from source: make install" ;;
esac
case $(uname -m) in
  x86_64 | amd64) arch=amd64 ;;
  aarch64 | arm64) arch=arm64 ;;
  armv7*) arch=armv7 ;;
  riscv64) arch=riscv64 ;;
  *) fail "there is no release for $(uname -m)" "build it from source: make install" ;;
esac

[ -n "$signer" ] || fail "this install.sh carries no public key, so it cannot verify a release" \
  "take install.sh from a release"
command -v ssh-keygen >/dev/null 2>&1 || fail "ssh-keygen is needed to verify the release's signature" \
  "install it (package openssh-client or openssh-clients)"
if command -v sha256sum >/dev/null 2>&1; then checksum='sha256sum'; else checksum='shasum -a 256'; fi
if command -v curl >/dev/null 2>&1; then
  fetch() { curl -fsSL --proto-redir =https --retry 2 -o "$2" "$1"; }
elif command -v wget >/dev/null 2>&1; then
  fetch() { wget -q -O "$2" "$1"; }
else
  fail "curl or wget is needed" "install one of them"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
archive=zen_${version}_${os}_${arch}.tar.gz
say "Downloading $archive from $from"
for f in SHA256SUMS SHA256SUMS.sig "$archive"; do
  fetch "$from/$f" "$work/$f" || fail "cannot download $from/$f"
done

printf 'zen-release %s\n' "$signer" > "$work/signers"
ssh-keygen -Y verify -f "$work/signers" -I zen-release -n zen-release -s "$work/SHA256SUMS.sig" \
  < "$work/SHA256SUMS" >/dev/null 2>&1 || fail "the signature of SHA256SUMS is not valid; nothing was installed"
want=$(awk -v name="$archive" '$2 == name { print $1 }' "$work/SHA256SUMS")
got=$($checksum "$work/$archive" | cut -d ' ' -f 1)
[ -n "$want" ] && [ "$want" = "$got" ] || fail "the checksum of $archive is not the signed one; nothing was installed"
say "Verified the signature and the checksum"

tar -xzf "$work/$archive" -C "$work"
mkdir -p "$bin"
for p in $programs; do # each in one step: whoever starts one gets the old or the new program
  cp "$work/zen_${version}_${os}_${arch}/$p" "$bin/.$p.new"
  chmod 755 "$bin/.$p.new"
  mv -f "$bin/.$p.new" "$bin/$p"
done
say "Installed $programs in $bin"
if "$bin/zen" daemon status >/dev/null 2>&1; then "$bin/zen" daemon restart; fi
case ":$PATH:" in
  *":$bin:"*) ;;
  *) say "$bin is not on your PATH, and docker looks for docker-credential-zen there: export PATH=\"$bin:\$PATH\"" ;;
esac
say "Next: zen setup docker"
