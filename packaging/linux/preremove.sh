#!/bin/sh
# Runs as root before the programs are removed, not before an upgrade. Vaults and settings are the
# users': they stay in the homes, and no package script looks there.
set -e
case "${1:-remove}" in
  upgrade | 1 | 2 | 3) exit 0 ;; # dpkg says upgrade, rpm how many versions remain
esac
if command -v systemctl >/dev/null 2>&1; then
  systemctl --global disable zend.socket >/dev/null 2>&1 || true
fi
