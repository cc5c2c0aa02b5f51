#!/usr/bin/env bash
# removed.sh FOLDER [ROW]: for each row of docs/promises.md the code behind it is taken out of a copy, and the row's check must
# fail. Prints PASS or FAIL for each, with the command of the page that noticed.
#
# removed.sh --texts: only that what is to be taken out is still there, which takes no time.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 2

there() { FROM=$2 perl -0ne 'exit(index($_, $ENV{FROM}) < 0)' "$1"; }

if [ "${1:-}" = --texts ]; then
    without() {
        if there "$2" "$3"; then echo "PASS row $1: in $2"; else echo "FAIL row $1: not in $2: $3"; fi
    }
    . ci/removals.sh
    exit
fi

folder=${1:?a folder for the copy and its build} only=${2:-}
copy=$folder/source
export CARGO_TARGET_DIR=$folder/target
rm -rf "$copy"
mkdir -p "$copy" || exit 2
git ls-files -z | xargs -0 cp --parents -t "$copy" || exit 2
cd "$copy" || exit 2

promises() { cargo test --quiet --release -p simward --test promises every_command; }

# without ROW FILE FROM TO: FROM, to the letter, becomes TO.
without() {
    local row=$1 file=$2 log=$folder/row.log
    [ -z "$only" ] || [ "$only" = "$row" ] || return
    cp "$file" "$folder/kept"
    if ! FROM=$3 TO=$4 perl -0pi -e 's/\Q$ENV{FROM}\E/$ENV{TO}/ or die "not there\n"' "$file" || cmp -s "$file" "$folder/kept"; then
        echo "FAIL row $row: what was to be removed is not in $file: $3"
    elif ! cargo build --quiet --release -p simward >"$log" 2>&1; then
        echo "FAIL row $row: does not build without it"
        cat "$log"
    elif promises >"$log" 2>&1; then
        echo "FAIL row $row: nobody noticed that it is gone from $file"
    else
        echo "PASS row $row: $(grep -m 1 '^promises.md:' "$log" || echo 'noticed')"
    fi
    # Newer than what was built from the other.
    cat "$folder/kept" >"$file"
}

promises >"$folder/whole.log" 2>&1 || { echo "FAIL the page does not hold as it is"; cat "$folder/whole.log"; exit 1; }

. ci/removals.sh
