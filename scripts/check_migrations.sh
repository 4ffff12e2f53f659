#!/bin/sh
# Fails if the models differ from the schema that the migrations build on an empty SQLite database.
set -eu
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export APP_ENV=development INSTANCE_DIR="$folder" DATABASE_URL="sqlite:///$folder/check.db" LOG_LEVEL=WARNING

.venv/bin/python -m flask db upgrade
.venv/bin/python -m flask db check
