#!/usr/bin/env bash
# The demo, judged by its own JSON lines: every attack refused, no minute in which a code could be stolen.
#
#   demo.sh SIMWARD FOLDER
set -u
simward=$1 work=$2
mkdir -p "$work" || exit 2
failed=0
"$simward" demo --json >"$work/lines.json" 2>"$work/demo.log"
code=$?

attacks=0
while IFS= read -r line; do
    case $line in
        *'"attack":'*)
            attacks=$((attacks + 1))
            name=$(sed 's/.*"attack":"\([^"]*\)".*/\1/' <<<"$line")
            if [[ $line == *'"refused":true'* ]]; then echo "PASS refused: $name"
            else echo "FAIL $line"; failed=1; fi
            ;;
    esac
done <"$work/lines.json"

last=$(tail -n 1 "$work/lines.json")
stands() { grep -qE "\"$1\":$2[,}]" <<<"$last"; }
if [[ $last == '{"summary":'* ]] && [ $attacks -gt 0 ] && stands attacks $attacks && stands refused $attacks \
    && stands stolen_code_minutes '0(\.0+)?'; then echo "PASS $last"
else echo "FAIL the last line is: $last"; failed=1; fi

if [ "$code" -eq 0 ]; then echo "PASS exit code 0"
else echo "FAIL exit code $code: $(tail -n 5 "$work/demo.log")"; failed=1; fi
# What the READMEs quote is what it prints.
"$simward" demo >"$work/story" 2>>"$work/demo.log" || failed=1
for readme in README.md README.zh-CN.md; do
    while IFS= read -r line; do
        if grep -qF -- "${line#    }" "$work/story"; then echo "PASS $readme quotes: ${line:4:50}…"
        else echo "FAIL $readme quotes what the demo does not print: $line"; failed=1; fi
    done < <(grep -E '^    .*( refused   | attacks refused|codes posted|stolen-code minutes)' "$(dirname "$0")/../$readme")
done
exit "$failed"
