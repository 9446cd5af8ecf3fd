#!/bin/sh
# Makes sure that what the build and the tests need from the system is there.
#
#   tools/debian.sh compiler python chromium nginx redis unicode valgrind
#
# Installs what is missing with apt-get where it may (root, or sudo without a password); elsewhere it prints
# the exact command and stops with an error. Does nothing, and quickly, when nothing is missing.
set -eu

have() { command -v "$1" >/dev/null 2>&1; }
python=${PYTHON:-python3}
packages=

if ! have "$python" && [ "$python" != python3 ]; then
    echo "There is no $python on this machine." >&2
    exit 1
fi
for need in "$@"; do
    case $need in
        compiler) have "${CC:-cc}" && echo '#include <stdlib.h>' | "${CC:-cc}" -E - >/dev/null 2>&1 ||
                      packages="$packages gcc libc6-dev" ;;
        python)   "$python" -c 'import os, sysconfig as s; os.stat(s.get_path("include") + "/Python.h")' 2>/dev/null ||
                      packages="$packages python3-dev"
                  "$python" -c 'import ensurepip' 2>/dev/null || packages="$packages python3-venv" ;;
        valgrind) have valgrind || packages="$packages valgrind" ;;
        unicode)  [ -f /usr/share/unicode/auxiliary/WordBreakTest.txt ] || packages="$packages unicode-data" ;;
        nginx)    have nginx || [ -x /usr/sbin/nginx ] || packages="$packages nginx-light"
                  have openssl || packages="$packages openssl" ;;
        redis)    have redis-server || packages="$packages redis-server" ;;
        chromium) have chromium || have chromium-browser || packages="$packages chromium" ;;
        *)        echo "debian.sh: unknown need: $need" >&2; exit 2 ;;
    esac
done
if [ -z "$packages" ]; then
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' && exit 0
    echo "$("$python" --version) is too old: Python 3.10 or newer is needed, as in: make PYTHON=python3.12" >&2
    exit 1
fi

command="apt-get install -y --no-install-recommends$packages"
if have apt-get && [ "$(id -u)" = 0 ]; then
    as_root=
elif have apt-get && have sudo && sudo -n true 2>/dev/null; then
    as_root=sudo
else
    echo "Missing on this machine:$packages" >&2
    echo "  -> as root: apt-get update && $command     (or the same packages of your system)" >&2
    exit 1
fi
echo "Installing:$packages"
$as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive $command
