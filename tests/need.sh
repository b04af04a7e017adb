#!/usr/bin/env bash
# Makes sure that programs are there: need.sh PROGRAM:PACKAGE ...  or  need.sh --python PYTHON
# What is missing is installed with apt-get where that is possible; what is still missing after
# that is named in one line, with what to do. Ends with 0 all the same: tests that need it say so.
set -u
export DEBIAN_FRONTEND=noninteractive
root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
can_install() { command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; }
updated=
install() {
  if [ -z "$updated" ]; then root apt-get update -qq >/dev/null 2>&1; updated=1; fi
  root apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1
}
if [ "${1:-}" = --python ]; then
  python=$2
  if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
    echo "pacsflow needs Python 3.11 to 3.13; $python is $("$python" --version 2>&1). Name another: make PYTHON=python3.12 report" >&2
    exit 2
  fi
  if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    if can_install; then install python3-venv; fi
    if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
      echo "Python's venv module is missing: apt-get install python3-venv" >&2
      exit 2
    fi
  fi
  exit 0
fi
missing=()
for pair in "$@"; do
  command -v "${pair%%:*}" >/dev/null || PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null || missing+=("$pair")
done
[ ${#missing[@]} = 0 ] && exit 0
if can_install; then
  echo "installing ${missing[*]##*:}" >&2
  install "${missing[@]##*:}" || for pair in "${missing[@]}"; do install "${pair##*:}"; done
fi
for pair in "${missing[@]}"; do
  command -v "${pair%%:*}" >/dev/null || PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null ||
    echo "not there: ${pair%%:*}; what needs it is left out. Get it with: apt-get install ${pair##*:}" >&2
done
exit 0
