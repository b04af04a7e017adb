#!/usr/bin/env bash
# Runs the tests of captures with each tshark that is there: tsharks.sh PYTHON [SUITE...]
# Those of TSHARKS (paths), the one on PATH, and, for root, those of the Debian suites named: they
# are fetched into a folder of their own and run with their own libraries; nothing is installed.
set -u
python=$1; shift
folder=${TMPDIR:-/tmp}/pacsflow-tsharks
found=()
for suite in "$@"; do
  root=$folder/$suite
  if [ ! -x "$root/tshark" ]; then
    [ "$(id -u)" = 0 ] || { echo "$suite: only root can fetch a suite; name a tshark in TSHARKS" >&2; exit 2; }
    command -v debootstrap >/dev/null || apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
    mkdir -p "$folder" && chmod 755 "$folder"
    script=/usr/share/debootstrap/scripts/$suite; [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
    # the mirror that this machine's own apt uses
    mirror=${MIRROR:-$(sed -nE 's/^URIs: *//p; s/^deb +(\[[^]]*\] +)?([^ ]+).*/\2/p' \
        /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -v security | head -n 1)}
    rm -rf "$root"
    # Debian's next suites do not always configure: what was unpacked is enough, where tshark starts
    debootstrap --variant=minbase --include=tshark "$suite" "$root" "$mirror" "$script" >"$folder/$suite.log" 2>&1
    libraries=$root/usr/lib/$(uname -m)-linux-gnu
    cat >"$root/tshark" <<END
#!/bin/sh
export WIRESHARK_DATA_DIR=$root/usr/share/wireshark WIRESHARK_PLUGIN_DIR=$libraries/wireshark/plugins
exec $(find "$root"/lib*/ -name 'ld-linux-*' | head -n 1) --library-path "$libraries:$libraries/wireshark" $root/usr/bin/tshark "\$@"
END
    chmod 755 "$root" "$root/tshark"
    "$root/tshark" --version >/dev/null 2>&1 || { echo "$suite: $(tail -n 1 "$folder/$suite.log")" >&2; rm -f "$root/tshark"; exit 2; }
  fi
  found+=("$root/tshark")
done
code=0
for tshark in $(command -v tshark) ${TSHARKS:-} "${found[@]}"; do
  echo "== $("$tshark" --version 2>/dev/null | head -n 1) ($tshark)"
  PACSFLOW_TSHARK=$tshark "$python" -m pytest -q -n "$(nproc)" tests/wireshark tests/programs tests/explore \
    tests/readers/test_captures.py tests/readers/test_exports.py tests/lab/test_truth.py || code=1
done
exit $code
