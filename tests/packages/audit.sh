#!/usr/bin/env bash
# Writes what the locked packages are, and under which licences, and looks for known holes in them:
# audit.sh PYTHON LOCK FOLDER. The tools come into an environment of their own. What could not be
# looked up was not audited: that ends with an error, too.
set -eu
python=$1 lock=$(realpath "$2")
mkdir -p "$3"
out=$(realpath "$3")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder/env" "$folder/tools" 2>"$folder/log" || { cat "$folder/log" >&2; exit 2; }
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
"$folder/tools/bin/python" -m pip install --quiet --disable-pip-version-check cyclonedx-bom pip-audit pip-licenses
"$folder/tools/bin/cyclonedx-py" environment --output-reproducible --of JSON -o "$out/sbom.cdx.json" "$folder/env/bin/python"
"$folder/tools/bin/pip-licenses" --python "$folder/env/bin/python" --format=markdown --order=license > "$out/licences.md"
"$folder/tools/bin/pip-audit" --strict --require-hashes --disable-pip -r "$lock"
echo "$out/sbom.cdx.json $out/licences.md"
