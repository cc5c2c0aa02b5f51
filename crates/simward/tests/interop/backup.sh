#!/usr/bin/env bash
# A card's backup in Debian's age, and Debian's age in a card's restore.
#
#   backup.sh SIMWARD FOLDER      SIMWARD: the binary; FOLDER: where it may work; kept for a look afterwards
#
# Needs age, util-linux, mount, iproute2.
set -u
[ $# -eq 2 ] || { sed -n '2,6p' "$0" >&2; exit 2; }
. "$(dirname "$0")/space.bash" "$1" "$2" age age-keygen script

rm -rf "$work"/*
profile "$work/profile.toml"
echo 1234 >"$work/pin"
echo 'correct horse battery' >"$work/passphrase"
chmod 600 "$work/pin" "$work/passphrase"

# make NAME: a card in NAME.state that does not run.
make() {
    start "$1" "$simward" card --state "$work/$1.state" --profile "$work/profile.toml" --vpcd 127.0.0.1:9
    until_true grep -q 'the card is open' "$work/$1.log" || { fail "no card: $(cat "$work/$1.log")"; exit; }
    kill -INT "$last" && wait "$last"
}
contacts() { "$simward" card files --state "$work/$1.state" --pin-file "$work/pin" | sed -n '/^contacts/,$p'; }

make old
make new
for entry in '张三 +8613912345678' 'Ada 10086'; do
    "$simward" card contact add ${entry% *} ${entry#* } --state "$work/old.state" --pin-file "$work/pin" >/dev/null \
        || fail "contact $entry"
done

age-keygen -o "$work/key" 2>/dev/null
"$simward" card backup --state "$work/old.state" --pin-file "$work/pin" --out "$work/key.age" \
    --recipient "$(age-keygen -y "$work/key")" >"$work/backup.log" || fail "backup: $(cat "$work/backup.log")"
if age -d -i "$work/key" "$work/key.age" >"$work/key.toml" && grep -q 'name = "张三"' "$work/key.toml" \
    && [ "$(grep -c '^octets = "[0-9a-f]\{68\}"$' "$work/key.toml")" -eq 2 ]; then
    pass "age -d opens a backup for a key: $(grep -c '^\[\[contact' "$work/key.toml") contacts"
else
    fail "age -d: $(cat "$work/key.toml")"
fi

# age asks for a passphrase at its terminal and nowhere else.
"$simward" card backup --state "$work/old.state" --pin-file "$work/pin" --out "$work/word.age" \
    --passphrase-file "$work/passphrase" >"$work/backup.log" || fail "backup: $(cat "$work/backup.log")"
(sleep 1; cat "$work/passphrase") | script -qec "age -d -o '$work/word.toml' '$work/word.age'" /dev/null >"$work/age.log" 2>&1
if cmp -s "$work/word.toml" "$work/key.toml"; then pass "age -d opens a backup for a passphrase, the same inside"
else fail "age -d with a passphrase: $(cat "$work/age.log")"; fi

# What age encrypts, restore opens; and the card has it byte for byte.
age -r "$(age-keygen -y "$work/key")" -o "$work/again.age" "$work/key.toml"
said=$("$simward" card restore "$work/again.age" --identity "$work/key" --state "$work/new.state" --pin-file "$work/pin")
if [ "$said" = '2 records written, 0 were there already; all 2 read back byte for byte' ] \
    && [ "$(contacts new)" = "$(contacts old)" ]; then
    pass "restore opens what age encrypted: $said"
else
    fail "restore: $said"
fi
refused "a restore over other contacts" "in use on this card" sh -c "
    '$simward' card contact add x 1 --state '$work/old.state' --pin-file '$work/pin' >/dev/null
    sed 's/record = 1/record = 3/' '$work/key.toml' | age -r '$(age-keygen -y "$work/key")' >'$work/over.age'
    '$simward' card restore '$work/over.age' --identity '$work/key' --state '$work/old.state' --pin-file '$work/pin'"
