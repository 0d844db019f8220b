#!/bin/sh
# Lock files name no host: an index is the installing machine's own setting.
set -eu
cd "$(dirname "$0")/.."
compile() { .venv/bin/uv pip compile --universal --generate-hashes --no-header --no-annotate --quiet "$@"; }
compile pyproject.toml -o requirements/base.lock
for extra in bedrock logfire; do
    compile --extra "$extra" -c requirements/base.lock pyproject.toml -o "requirements/$extra.lock"
done
compile --group dev -c requirements/base.lock pyproject.toml -o requirements/dev.lock
echo uv | compile - -o requirements/uv.lock
