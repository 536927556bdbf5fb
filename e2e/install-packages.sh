#!/usr/bin/env bash
# Installs the Debian packages that the end-to-end tests use (with "packages": those of make
# e2e-packages), and nothing when all are there. No service is started: Debian's
# policy-rc.d is answered with "forbidden" for as long as the installation takes.
set -euo pipefail

packages=(
  docker.io docker-registry apache2-utils # engine, registry, htpasswd
  gnome-keyring libsecret-tools dbus      # Secret Service on a bus of its own
  libnotify-bin                           # notify-send, for questions on a desktop
  skopeo buildah podman                   # clients that do not share code with docker
  pass gnupg golang-docker-credential-helpers # peers, for the benchmark
  python3-venv                            # for a real ZenML
  systemd make procps util-linux
)

# For make e2e-packages: the tools of each packaging system, and what makes a root for them.
if [ "${1:-}" = packages ]; then
  packages=(debootstrap rpm rpmlint lintian pacman-package-manager openssh-client curl procps util-linux)
fi

missing=()
for p in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || missing+=("$p")
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

if [ "$(id -u)" -ne 0 ]; then
  echo "e2e needs these packages, and root to install them: ${missing[*]}" >&2
  exit 1
fi

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
echo "installing ${missing[*]}"
log=$(mktemp)
# One slow mirror answer must not fail a run: apt retries by itself, and the whole is tried twice.
for try in 1 2; do
  if apt-get update -q >>"$log" 2>&1 &&
     apt-get install -y -q --no-install-recommends -o Acquire::Retries=3 "${missing[@]}" >>"$log" 2>&1; then
    rm -f "$log"
    exit 0
  fi
  echo "installation attempt $try failed" >&2
done
tail -40 "$log" >&2
exit 1
