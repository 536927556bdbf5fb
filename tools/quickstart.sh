#!/bin/sh
# The second half of `make quickstart`: the programs are installed in $BINDIR; start zend, prove that it works, say what to do
# next. Nothing of docker's configuration is touched. Running it again upgrades a zend that is running.
set -eu

zen=$BINDIR/zen
users_path=$PATH
PATH=$BINDIR:$PATH
export PATH

say() { printf '%s\n' "$*"; }

# A zend of an earlier installation goes on as the new one, requests in flight are finished.
if "$zen" daemon status >/dev/null 2>&1; then
  "$zen" daemon restart
else
  "$zen" daemon start
fi

"$zen" selftest

say
say "Installed in $BINDIR: zend (the daemon), zen (the command), docker-credential-zen (what docker runs)."
case ":$users_path:" in
  *":$BINDIR:"*) ;;
  *) say; say "$BINDIR is not on your PATH, and docker looks for docker-credential-zen there:"
     say "  export PATH=\"$BINDIR:\$PATH\"" ;;
esac
say
say "Next: let docker ask zen for credentials (changes one line of its configuration, 'zen setup --undo' takes it back):"
say "  zen setup docker"
