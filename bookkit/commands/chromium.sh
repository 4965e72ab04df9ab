#!/bin/sh
# See that a Chromium is there for the tests: the system's, else Debian's package, else playwright's.
set -eu

for name in chromium chromium-browser google-chrome google-chrome-stable; do
  if command -v "$name" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" = 0 ]; then root=; else root='sudo -n'; fi
if command -v apt-get >/dev/null; then
  $root apt-get update -qq || true
  if $root apt-get install -y -qq --no-install-recommends chromium; then exit 0; fi
fi
exec .venv/bin/python -m playwright install chromium
