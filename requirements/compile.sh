#!/bin/sh
# Lock files name no host: an index is the installing machine's own setting.
# Everything optional is resolved together first, so that any choice of extras fits any other.
set -eu
cd "$(dirname "$0")/.."
compile() { .venv/bin/uv pip compile --universal --generate-hashes --no-header --no-annotate --quiet "$@"; }
compile pyproject.toml -o requirements/base.lock
compile --all-extras -c requirements/base.lock pyproject.toml -o requirements/extras.lock
for extra in $(sed -n '/^\[project.optional-dependencies\]/,/^\[project.scripts\]/s/^\([a-z0-9]*\) = .*/\1/p' pyproject.toml); do
    compile --extra "$extra" -c requirements/extras.lock pyproject.toml -o "requirements/$extra.lock"
done
compile --group dev -c requirements/extras.lock pyproject.toml -o requirements/dev.lock
echo uv | compile - -o requirements/uv.lock
compile -c requirements/extras.lock requirements/sandbox.in -o requirements/sandbox.lock
compile --python-version 3.11 requirements/litellm.in -o requirements/litellm.lock
compile --python-version 3.11 requirements/browser.in -o requirements/browser.lock
