#!/usr/bin/env bash
# Makes sure that what is not Python's is there: need.sh THING:PACKAGE ...  or  need.sh --python PYTHON
# A thing is a program, a library (lib/NAME) or a font's file (font/NAME). What is missing is
# installed with apt-get where that is possible; what is missing after that is named in one line,
# with what to ask for. Ends with 0 all the same: what needs it says so, and the rest runs.
set -u
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
can_install() { command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; }
updated=
install() {
  if [ -z "$updated" ]; then root apt-get update -qq >/dev/null 2>&1; updated=1; fi
  root apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1
}
# What to do about packages that are not there: ask for them, or see why apt-get did not get them.
way_out() {
  if can_install; then echo "apt-get could not install it: is the network there? Run it again then, or apt-get install $*"
  else echo "Ask the administrator for: apt-get install $*"; fi
}
there() {
  case $1 in
    lib/*) [ -n "$(find /lib /usr/lib /lib64 /usr/lib64 -maxdepth 2 -name "${1#lib/}" -print -quit 2>/dev/null)" ] ;;
    font/*) [ -n "$(find -L /usr/share/fonts /usr/local/share/fonts "$HOME/.local/share/fonts" -name "${1#font/}" -print -quit 2>/dev/null)" ] ;;
    *) PATH="$PATH:/usr/sbin:/sbin:/usr/lib/chromium" command -v "$1" >/dev/null ;;
  esac
}
if [ "${1:-}" = --python ]; then
  python=$2
  if ! "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then
    echo "pacsflow needs Python 3.11 to 3.14 (its locked packages are tried on no later one); $python is $("$python" --version 2>&1 | tail -n 1). Name another: make PYTHON=python3.12 report" >&2
    exit 2
  fi
  if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    if can_install; then install python3-venv; fi
    if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
      echo "Python's venv module is missing. $(way_out python3-venv)" >&2
      exit 2
    fi
  fi
  exit 0
fi
missing=()
look() { missing=(); for pair in "$@"; do there "${pair%%:*}" || missing+=("$pair"); done; }
look "$@"
[ ${#missing[@]} = 0 ] && exit 0
if can_install; then
  mapfile -t packages < <(printf '%s\n' "${missing[@]##*:}" | sort -u)
  echo "installing ${packages[*]}" >&2
  install "${packages[@]}" || for package in "${packages[@]}"; do install "$package"; done
  look "${missing[@]}"
fi
if [ ${#missing[@]} != 0 ]; then
  things=$(printf '%s, ' "${missing[@]%%:*}")
  echo "not there: ${things%, }; what needs it is left out. $(way_out $(printf '%s\n' "${missing[@]##*:}" | sort -u))" >&2
fi
exit 0
