#!/usr/bin/env bash
# removed.sh FOLDER [ROW]: for each row of docs/promises.md the code behind it is taken out of a copy, and the row's check must
# fail. Prints PASS or FAIL for each, with the command of the page that noticed.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 2
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

without 0 crates/server/src/http.rs '.route("/v1/invitations", post(invite))' ''
without 1 crates/card/src/files.rs 'Linear(ADN_RECORD),    PinPin' 'Linear(ADN_RECORD),    AlwaysAdm'
without 2 crates/card/src/ota.rs 'head.kic != AES_KEY_SET_1
        || head.kid != AES_KEY_SET_1
        || ' ''
without 3 crates/talk/src/identity.rs ' || !verifier.es256(card, &statement, &self.signature)' ''
without 4 crates/card/src/pin.rs 'live.commit(&[Change::Tries(which, left)], rng)?;' ''
without 5 crates/card/src/ota.rs 'opened.counter <= ota.counter' 'opened.counter < 1'
without 6 crates/deed/src/pin.rs 'if self.suspended() {
            return Serve::EmergencyOnly' 'if self.suspended() && now.0 == 0 {
            return Serve::EmergencyOnly'
without 7 crates/server/src/node/radio.rs 'self.write_door(vec![record])?;
        self.attachments.tokens' 'drop(record);
        self.attachments.tokens'
without 8 crates/simward/src/card/folder/mod.rs 'if !lock.is_tampering() {' 'if !lock.is_tampering() || now.0 > 0 {'
without 9 crates/operator/src/message.rs 'Some(until) if application => Route::HeldUntil(until),' ''
without 10 crates/simward/src/release/manifest.rs 'manifest.serial < seen.serial' 'manifest.serial < 1'
without 10 crates/operator/src/link.rs 'if seen == known {' 'if seen.is_empty() {'
without 10 crates/operator/src/password.rs 'different.len() < 5 ||' 'different.len() < 5 &&'
without 11 crates/operator/src/keep.rs '.unwrap_or(UNKNOWN)' '.unwrap_or(RULES[0])'
