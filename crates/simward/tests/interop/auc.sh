#!/usr/bin/env bash
# Challenges that osmo-auc-gen makes are answered by our card as it expects, and the AUTS of a challenge heard before tells it
# the number that the card stands at.
#
#   auc.sh SIMWARD FOLDER      SIMWARD: the binary; FOLDER: where it may work; kept for a look afterwards
#
# Needs libosmocore-utils.
set -u
[ $# -eq 2 ] || { sed -n '2,6p' "$0" >&2; exit 2; }
command -v osmo-auc-gen >/dev/null || { echo "FAIL osmo-auc-gen is not installed"; exit 2; }
simward=$(realpath "$1") failed=0
mkdir -p "$2" && cd "$2" || exit 2
rm -rf ./*.state keys
pass() { echo "PASS $*"; }
fail() { echo "FAIL $*"; failed=1; }
random() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }
auc() { osmo-auc-gen -3 -a milenage -k "$k" -o "$opc" -f 8000 -l 5 "$@" 2>/dev/null; }
field() { sed -n "s/^$1:[[:space:]]*//p"; }
(umask 077 && echo 1234 >pin)
card() { "$simward" card "$@" --state "$n.state" --device-keys keys 2>>card.log; }
ask() { card authenticate --pin-file pin "$rand" "$1"; }

for n in 1 2 3 4 5 6 7 8; do
    k=$(random) opc=$(random)
    (umask 077 && cat >profile.toml) <<PROFILE
iccid = "898600120000000001$n"
imsi = "46000123456789$n"
mnc_length = 2
k = "$k"
opc = "$opc"
pin = "1234"
puk = "12345678"
adm1 = "87654321"
PROFILE
    card make --profile profile.toml >/dev/null || { fail "no card: $(tail -n 1 card.log)"; continue; }
    answered=0
    for sqn in 33 97 1048609; do
        rand=$(random)
        vector=$(auc -s "$sqn" -r "$rand")
        said=$(ask "$(field AUTN <<<"$vector")")
        if [ "$said" = "RES $(field RES <<<"$vector")" ] && [ -n "$(field RES <<<"$vector")" ]; then answered=$((answered + 1))
        else fail "subscriber $n, SQN $sqn: $said"; fi
    done
    # The last once more: its AUTS, read by osmo-auc-gen, holds the number the card stands at.
    said=$(ask "$(field AUTN <<<"$vector")")
    stands=$(auc -A "${said#AUTS }" -r "$rand" | field SQN.MS)
    if [ $answered -eq 3 ] && [ "$stands" = 1048609 ]; then pass "subscriber $n: three challenges answered, AUTS tells $stands"
    else fail "subscriber $n: $said tells '$stands': $(auc -A "${said#AUTS }" -r "$rand" | tr '\n' ' ')"; fi
    # And a challenge made with another K is nobody's.
    true_k=$k k=$(random)
    said=$(ask "$(auc -s 2097185 -r "$rand" | field AUTN)" 2>&1)
    [[ $said != RES* && $said != AUTS* ]] && pass "subscriber $n: somebody else's challenge is refused" \
        || fail "subscriber $n: a challenge of another K was answered: $said"
    k=$true_k
done
exit $failed
