#!/usr/bin/env bash
# Each attack by itself, judged by its JSON lines: refused, no stolen-code minute, no-service minutes within the bound. And the
# document's table is what is printed.
#
#   attacks.sh SIMWARD FOLDER
set -u
simward=$1 work=$2
mkdir -p "$work" || exit 2
failed=0
"$simward" demo --attacks --json >"$work/attacks.json" 2>"$work/attacks.log"
code=$?

scripts=0
while IFS= read -r line; do
    [[ $line == *'"script":'* ]] || continue
    scripts=$((scripts + 1))
    name=$(sed 's/.*"script":"\([^"]*\)".*/\1/' <<<"$line")
    dark=$(sed 's/.*"no_service_minutes":\([0-9]*\).*/\1/' <<<"$line")
    bound=$(sed 's/.*"bound":\([0-9]*\).*/\1/' <<<"$line")
    if [[ $line == *'"refused":true'* && $line == *'"stolen_code_minutes":0,'* ]] && [ "$dark" -le "$bound" ]; then
        echo "PASS $name: $dark of $bound minutes without service"
    else echo "FAIL $line"; failed=1; fi
done <"$work/attacks.json"

last=$(tail -n 1 "$work/attacks.json")
if [ $scripts -ge 60 ] && [[ $last == *"\"came_to_nothing\":$scripts,"* && $last == *'"good":true'* ]]; then echo "PASS $last"
else echo "FAIL $scripts scripts; the last line is: $last"; failed=1; fi
if [ "$code" -eq 0 ]; then echo "PASS exit code 0"
else echo "FAIL exit code $code: $(tail -n 5 "$work/attacks.log")"; failed=1; fi

"$simward" demo --attacks --markdown >"$work/attacks.md" 2>>"$work/attacks.log" || failed=1
document=$(dirname "$0")/../docs/attacks-numbers.md
lines=0
while IFS= read -r line; do
    [ -n "$line" ] || continue
    lines=$((lines + 1))
    grep -qxF -- "$line" "$document" || { echo "FAIL docs/attacks-numbers.md has not: $line"; failed=1; }
done <"$work/attacks.md"
if [ $lines -gt $scripts ] && [ $failed -eq 0 ]; then echo "PASS docs/attacks-numbers.md has all $lines lines"; fi
exit "$failed"
