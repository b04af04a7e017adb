#!/usr/bin/env bash
# Installs a wheel as a new user would, in an environment of its own outside the checkout, and makes
# the report with it: clean.sh PYTHON WHEEL LOCK
set -eu
python=$1 wheel=$(realpath "$2") lock=$(realpath "$3")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
unset PYTHONPATH
"$python" -m venv env
env/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
env/bin/python -m pip install --quiet --disable-pip-version-check --no-deps "$wheel"
env/bin/python -m pip check
env/bin/pacsflow --version
env/bin/pacsflow -h > help.txt
env/bin/pacsflow demo demo --weeks 1 --scale 0.05 > demo.txt
env/bin/pacsflow install wireshark --to plugins > plugins.txt
env/bin/pacsflow install zeek --to zeek --no-build > zeek.txt
test -s env/share/man/man1/pacsflow.1
test -s demo/report.html -a -s plugins/pacsflow.lua -a -s zeek/pacsflow/__load__.zeek
echo "the wheel works by itself: $(basename "$wheel")"
