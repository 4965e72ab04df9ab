#!/bin/sh
# Make a virtual environment in $1 with $PYTHON, installing Debian's python3-venv where it is missing.
set -eu
python=${PYTHON:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 $*" >&2
  exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  package=python3-venv
  if [ "$(id -u)" = 0 ]; then root=; else root='sudo -n'; fi
  echo "This Python cannot make virtual environments: installing $package"
  if ! { $root apt-get update -qq && $root apt-get install -y -qq "$package"; }; then
    echo "Install it first: sudo apt-get install $package" >&2
    exit 1
  fi
fi
"$python" -m venv "$1" || { rm -rf "$1"; exit 1; }
