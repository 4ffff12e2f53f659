#!/bin/sh
# Checks the types of clients/javascript: that its code keeps them, that types/ is what they make, and that a project in
# TypeScript may write test/consumer.ts. Its tools come from npm, so this needs `npm ci --prefix clients/javascript`.
set -eu
cd "$(dirname "$0")/../clients/javascript"

if [ ! -x node_modules/.bin/tsc ]; then
    echo "The types of clients/javascript are not checked: run npm ci --prefix clients/javascript first."
    exit 0
fi
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
node_modules/.bin/tsc --project tsconfig.check.json --outDir "$made"
rm -r "$made/test"
diff -r types "$made" || { echo "clients/javascript/types is out of date: run npm run types there." >&2; exit 1; }
echo "The types of clients/javascript are those of its code."
