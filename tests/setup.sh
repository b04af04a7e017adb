#!/usr/bin/env bash
# Sets up the Python packages: setup.sh PYTHON VENV run|dev|docs LOCKS...
# What was interrupted is done again by the next run; one line says what stands in the way.
set -u
python=$1; venv=$2; what=$3; shift 3
here=$(dirname "$0")
newer() { for lock in "$@"; do [ "$lock" -nt "$venv/.$what" ] && return 0; done; return 1; }
[ -e "$venv/.$what" ] && ! newer "$@" && exit 0
log=$(mktemp) || { echo "no room for temporary files: ${TMPDIR:-/tmp}" >&2; exit 2; }
trap 'rm -f "$log"' EXIT
give_up() { echo "$1 ($(grep -vE '^ *$|WARNING' "$log" | tail -n 1 | cut -c1-300))" >&2; exit 2; }
pip() {
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >"$log" 2>&1 && return
  if grep -qi 'no space left' "$log"; then give_up "the disk is full: make room and run it again"; fi
  if grep -qiE 'connection|resolve|timed out|no matching distribution|proxy|retries' "$log"; then
    give_up "Python's packages cannot be fetched: is the network there? Run it again then"
  fi
  give_up "the packages cannot be set up; run it again, or make clean first"
}
if [ "$what" = run ]; then
  "$here/need.sh" --python "$python" || exit 2
  if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$venv"
    "$python" -m venv "$venv" >"$log" 2>&1 || give_up "no environment can be made in $venv"
  fi
  echo "setting up the Python packages (about a minute, once)"
  pip --require-hashes -r requirements.lock
  pip --require-hashes -r requirements-build.lock
  pip --no-deps --no-build-isolation -e .
  "$here/need.sh" tshark:tshark
else
  echo "setting up the packages of $what (about a minute, once)"
  pip --require-hashes -r "requirements-$what.lock"
fi
touch "$venv/.$what"
