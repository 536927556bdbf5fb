#!/bin/sh
# Prints -race where the race detector works: it needs a C compiler together with libc's headers and libraries.
set -eu
[ "$(CGO_ENABLED=1 "$GO" env CGO_ENABLED)" = 1 ] || exit 0
cc=$("$GO" env CC)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat > "$dir/try.c" <<'C'
#include <pthread.h>
#include <stdlib.h>
int main(void) { return pthread_self() ? EXIT_SUCCESS : EXIT_FAILURE; }
C
# $cc is a command with arguments, perhaps.
if $cc -o "$dir/try" "$dir/try.c" -lpthread >/dev/null 2>&1 && "$dir/try"; then echo -race; fi
