#!/bin/sh
# Fetches what the board's pages load in a browser anew, at the versions below, from the npm registry,
# and prints the table of static/vendor/VENDORED.md. Needs npm; run from anywhere.
set -eu
GOVUK=6.3.0 HTMX=2.0.11 SSE=2.2.4
target=$(cd "$(dirname "$0")/static/vendor" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

for package in "govuk-frontend@$GOVUK" "htmx.org@$HTMX" "htmx-ext-sse@$SSE"; do
    npm pack --silent "$package" >/dev/null
done
for archive in *.tgz; do
    mkdir "${archive%.tgz}" && tar -xzf "$archive" -C "${archive%.tgz}" --strip-components=1
done

# The stylesheet without what only GOV.UK itself may use: its typeface and the royal crest.
sed -E \
    -e 's#/\*![^*]*Margaret Calvert[^*]*\*/##' \
    -e 's#@font-face\{[^}]*GDS Transport[^}]*\}##g' \
    -e 's#GDS Transport,arial,sans-serif#var(--board-typeface)#g' \
    -e 's#url\(/assets/images/govuk-crest\.svg\)#none#g' \
    -e 's#/\*\# sourceMappingURL=[^*]*\*/##' \
    "govuk-frontend-$GOVUK/dist/govuk/govuk-frontend.min.css" >"$target/govuk-frontend.min.css"
sed -e 's@//# sourceMappingURL=.*$@@' \
    "govuk-frontend-$GOVUK/dist/govuk/govuk-frontend.min.js" >"$target/govuk-frontend.min.js"
cp "htmx.org-$HTMX/dist/htmx.min.js" "$target/htmx.min.js"
cp "htmx.org-$HTMX/LICENSE" "$target/htmx.LICENSE.txt"
cp "htmx-ext-sse-$SSE/dist/sse.min.js" "$target/htmx-ext-sse.min.js"
cp "htmx-ext-sse-$SSE/LICENSE" "$target/htmx-ext-sse.LICENSE.txt"

cd "$target"
sha256sum -- *.css *.js *.txt | sed -E 's/^([0-9a-f]+)  (.*)$/| `\2` | `\1` |/'
