#!/usr/bin/env bash
# A card that counts in a TPM: whoever puts everything back as it was, the state, the device key and the anchor, is found out,
# for the TPM counts on. swtpm is the TPM, over TCP.
#
#   tpm.sh SIMWARD FOLDER
#
# Needs swtpm, util-linux, mount, iproute2.
set -u
[ $# -eq 2 ] || { sed -n '2,7p' "$0" >&2; exit 2; }
. "$(dirname "$0")/space.bash" "$1" "$2" swtpm

rm -rf "$work"/{tpm,tpm-of-the-card,tpm-older,card,plain,lost,fourth,aside,copy,device-keys,*.toml,pin*}
mkdir -p "$work/tpm"
profile "$work/profile.toml"
printf '1234\n' >"$work/pin" && printf '9999\n' >"$work/wrong" && chmod 600 "$work/pin" "$work/wrong"

start_tpm() {
    start tpm swtpm socket --tpm2 --tpmstate dir="$work/tpm" --server type=tcp,port=2321 --ctrl type=tcp,port=2322 \
        --flags not-need-init,startup-clear
    tpm=$last
    until_true tpm_listens || { fail "swtpm does not listen: $(cat "$work/tpm.log")"; exit; }
}
tpm_listens() { ss -ltn | grep -q ':2321 '; }
tries() { "$simward" card info --state "$1" --pin-file "$work/pin" 2>/dev/null | sed -n 's/^PIN.*; \([0-9]\) tries left.*/\1/p'; }
guess() { "$simward" card info --state "$1" --pin-file "$work/wrong" 2>&1 | grep -q 'wrong PIN: 2 tries left'; }

start_tpm
export SIMWARD_TPM=127.0.0.1:2321
if said=$("$simward" card make --state card --profile profile.toml 2>&1); then pass "a card that counts in a TPM: $said"
else fail "no card: $said"; exit; fi
if compgen -G 'device-keys/*.tpm' >/dev/null; then pass "and a file names its counter"; else fail "no file names a counter"; fi
for name in Anna Bela; do "$simward" card contact add --state card --pin-file pin "$name" +8613900000000 >/dev/null || fail "no contact"; done
if [ "$(tries card)" = 3 ]; then pass "it opens again and again, and keeps what it was told"; else fail "it has $(tries card) tries"; fi

# Without the TPM, or another one, nothing opens and nothing is destroyed.
refused "nobody says which TPM" "say which TPM" env -u SIMWARD_TPM "$simward" card info --state card --pin-file pin
kill "$tpm"; wait "$tpm" 2>/dev/null
refused "the TPM is not there" "open the TPM" "$simward" card info --state card --pin-file pin
mv tpm tpm-of-the-card && mkdir tpm && start_tpm
refused "another TPM" "read the counter" "$simward" card info --state card --pin-file pin
kill "$tpm"; wait "$tpm" 2>/dev/null
rm -rf tpm && mv tpm-of-the-card tpm && start_tpm
if [ "$(tries card)" = 3 ]; then pass "with its own it opens as before"; else fail "it does not open with its own TPM"; fi

# The same with a file alone and with the counter: one guess, and everything put back as it was before.
env -u SIMWARD_TPM "$simward" card make --state plain --profile profile.toml >/dev/null 2>&1 || fail "no card without a TPM"
copy() { rm -rf copy && mkdir copy && cp -a "$1" copy/state && cp -a device-keys copy/keys; }
# put_back FOLDER: in place, for a card knows its folder by its inode.
put_back() {
    for file in copy/state/*; do cat "$file" >"$1/${file##*/}"; done
    for file in copy/keys/*; do cat "$file" >"device-keys/${file##*/}"; done
}
copy plain
guess plain || fail "the PIN was not wrong"
put_back plain
if [ "$(tries plain)" = 3 ]; then pass "with a file alone, whoever puts back file and folder has the guess back, as the docs say"
else fail "a plain card noticed: then the docs are wrong"; fi
copy card
guess card || fail "the PIN was not wrong"
put_back card
said=$("$simward" card info --state card --pin-file pin 2>&1)
if grep -q 'TERMINATED.*rollback' <<<"$said"; then pass "with the counter it is the end of the card: $(grep -o 'rollback[^.]*' <<<"$said" | head -n 1)"
else fail "put back, and not noticed: $said"; fi

# What is missing, or another state of the TPM, is refused and destroys nothing; and no TPM is needed to end a card.
"$simward" card make --state lost --profile profile.toml >/dev/null 2>&1 || fail "no third card"
name=$(cat lost/identity)
mv "device-keys/$name.tpm" aside
refused "the file that names the counter is gone" "is gone; put it back" "$simward" card info --state lost --pin-file pin
mv aside "device-keys/$name.tpm"
kill "$tpm"; wait "$tpm" 2>/dev/null
cp -a tpm tpm-older && start_tpm
for name in Anna Bela; do "$simward" card contact add --state lost --pin-file pin "$name" +8613900000000 >/dev/null || fail "no contact"; done
kill "$tpm"; wait "$tpm" 2>/dev/null
mv tpm tpm-of-the-card && mv tpm-older tpm && start_tpm
refused "an older state of the TPM" "stands lower than the card has counted" "$simward" card info --state lost --pin-file pin
kill "$tpm"; wait "$tpm" 2>/dev/null
rm -rf tpm && mv tpm-of-the-card tpm && start_tpm
if [ "$(tries lost)" = 3 ]; then pass "with its own state it opens as before"; else fail "it does not open any more"; fi
kill "$tpm"; wait "$tpm" 2>/dev/null
refused "a making without its TPM" "make a counter" "$simward" card make --state fourth --profile profile.toml
said=$("$simward" card end --state lost --for-good 2>&1)
if grep -q TERMINATED <<<"$said" && ! compgen -G "device-keys/$(cat lost/identity).*" >/dev/null; then pass "a card is ended without its TPM, and no key is left"
else fail "not ended: $said"; fi
start_tpm
if said=$("$simward" card make --state fourth --profile profile.toml 2>&1); then pass "the making goes on once the TPM is there"; else fail "no fourth card: $said"; fi
keys=$(grep -lF "$(stat -c %i fourth) " device-keys/*.place | wc -l)
if [ "$keys" -eq 1 ]; then pass "with one key, not two"; else fail "$keys keys are bound to it"; fi

# How fast, beside the disk.
said=$(TMPDIR=$work "$simward" bench card --tpm "$SIMWARD_TPM" --seconds 1 --json 2>&1 | grep -E 'authenticate.(durable|tpm)' | grep -o '"name":"[^"]*","value":[0-9]*')
if grep -q tpm <<<"$said"; then pass "AUTHENTICATE a second, on disk and with the counter too: $(tr '\n' ' ' <<<"$said")"
else fail "not measured: $said"; fi
