#!/bin/sh
# run.sh PYTHON ARGUMENTS...: run pytest with its folders in memory, where there is room: tests of
# what is synced to a disk would wait for the disk half of their time.
unset PYTHONDONTWRITEBYTECODE
room() { df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $4 > 3000000 { print "enough" }'; }
memory() { awk '/^MemAvailable/ && $2 > 6000000 { print "enough" }' /proc/meminfo 2>/dev/null; }
folder=
if [ "$(room)$(memory)" = enoughenough ]; then
	folder=$(mktemp -d /dev/shm/pacsflow-tests-XXXXXX) || exit
	trap 'rm -rf "$folder"' EXIT
	trap 'exit 130' HUP INT TERM
	printf '#!/bin/sh\n' >"$folder/may-run" && chmod +x "$folder/may-run" && "$folder/may-run" &&
		export TMPDIR="$folder"
fi
python=$1
shift
"$python" -m pytest "$@"
