#!/usr/bin/env bash
# The owner's key and the owner's menu through a reader: OpenSC's tool says the commands of IoT SAFE and of the toolkit, OpenSSL
# checks what the card signed.
#
#   owner.sh SIMWARD FOLDER
#
# Needs pcscd, vsmartcard-vpcd, opensc, openssl, python3, util-linux, mount, iproute2.
set -u
[ $# -eq 2 ] || { sed -n '2,7p' "$0" >&2; exit 2; }
. "$(dirname "$0")/space.bash" "$1" "$2" pcscd opensc-tool openssl python3

rm -rf "$work"/*.state "$work/device-keys"
profile "$work/profile.toml"
cat >>"$work/profile.toml" <<'PROFILE'
alert_number = "8613800100500"
deed_id = "dededededededededededededededededededededededededededededededede"
PROFILE

# apdus HEX…: each command's answer, as hexadecimal with its status, a line each.
apdus() {
    opensc-tool -r 0 "${@/#/-s}" 2>&1 | python3 -c '
import re, sys
said = ""
for line in sys.stdin:
    if line.startswith("Received"):
        print(said, end="\n" if said else "")
        sw = re.search(r"SW1=0x(..), SW2=0x(..)", line)
        said = sw.group(1) + sw.group(2)
    elif re.match(r"([0-9A-F]{2} )+", line):
        octets = re.match(r"(?:[0-9A-F]{2} ){1,16}", line).group(0).replace(" ", "")
        said = said[:-4] + octets + said[-4:]
print(said)'
}
# public HEX: a point as a key that OpenSSL reads.
public() {
    python3 -c '
import base64, sys
der = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200" + sys.argv[1])
print("-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(der).decode() + "-----END PUBLIC KEY-----")' "$1"
}
# der HEX: r and s as OpenSSL wants them.
der() {
    python3 -c '
import sys
def integer(octets):
    octets = octets.lstrip(b"\0") or b"\0"
    octets = (b"\0" if octets[0] & 0x80 else b"") + octets
    return bytes([2, len(octets)]) + octets
raw = bytes.fromhex(sys.argv[1])
body = integer(raw[:32]) + integer(raw[32:])
sys.stdout.buffer.write(bytes([0x30, len(body)]) + body)' "$1"
}
verified() { # KEY MESSAGE SIGNATURE
    public "$1" >key.pem && der "$3" >signature && openssl dgst -sha256 -verify key.pem -signature signature "$2" >verified 2>&1
}

start_reader
insert owner "$work/profile.toml"

select=00:A4:04:00:07:A0:00:00:05:59:00:10
pin=00:20:00:01:08:31:32:33:34:FF:FF:FF:FF
init=00:2A:00:01:0D:84:01:01:A1:01:03:91:02:00:01:92:01:04
printf 'a statement of the deed' >message
digest=$(sha256sum message | cut -c 1-64 | sed 's/../:&/g')

said=$(apdus $select 00:CD:00:00:03:85:01:01:00)
key=$(tail -n 1 <<<"$said" | sed -n 's/^344549438641\(04.*\)9000$/\1/p')
if [ ${#key} -eq 130 ]; then pass "READ PUBLIC KEY: a point of 65 octets, for anybody"; else fail "no key: $said"; exit; fi
said=$(apdus $select $init "00:2B:80:01:22:9E:20$digest:00")
if [ "$(sed -n '2p' <<<"$said")" = 6982 ] && [ "$(tail -n 1 <<<"$said")" = 6985 ]; then pass "COMPUTE SIGNATURE without the PIN: 6982, and then there is nothing to sign"; else fail "without the PIN: $said"; fi
said=$(apdus $select $pin $init "00:2B:80:01:22:9E:20$digest:00")
signature=$(tail -n 1 <<<"$said" | sed -n 's/^3340\(.*\)9000$/\1/p')
if verified "$key" message "$signature"; then pass "COMPUTE SIGNATURE: OpenSSL says $(cat verified)"; else fail "OpenSSL: $(cat verified) $said"; fi
printf 'another statement' >other
if verified "$key" other "$signature"; then fail "OpenSSL takes it for another message"; else pass "and not of another message"; fi
said=$(apdus $select 00:CB:00:00:00 00:CB:01:00:00)
if grep -q '10010111' <<<"$said"; then pass "GET DATA: what the application is, and its objects"; else fail "GET DATA: $said"; fi
said=$(apdus $select 80:84:00:00:20 80:84:00:00:20)
if [ "$(sort -u <<<"$said" | grep -c '9000$')" -eq 3 ]; then pass "GET RANDOM: twice, and twice another"; else fail "GET RANDOM: $said"; fi

# The toolkit: a terminal that shows, asks, sends messages and has a menu.
usim=00:A4:04:0C:07:A0:00:00:00:87:10:02
terminal=80:10:00:00:04:00:00:01:22
said=$(apdus $usim $pin $terminal)
len=$(tail -n 1 <<<"$said" | sed -n 's/^91\(..\)$/\1/p')
if [ -n "$len" ]; then pass "TERMINAL PROFILE: 91$len, a command waits"; else fail "TERMINAL PROFILE: $said"; exit; fi
done_with() { echo "80:14:00:00:0C:81:03:01:$1:00:82:02:82:81:83:01:00"; }
choose=80:C2:00:00:09:D3:07:82:02:01:81:90:01:03
said=$(apdus $usim $pin $terminal 80:12:00:00:$len "$(done_with 25)" $choose)
menu=$(sed -n '4p' <<<"$said") offered=$(tail -n 1 <<<"$said" | sed -n 's/^91\(..\)$/\1/p')
if grep -q "$(printf "This was not me" | od -An -tx1 | tr -d " \n" | tr a-f A-F)" <<<"$menu"; then pass "SET UP MENU: it has \"This was not me\""
else fail "the menu: $said"; fi
said=$(apdus $usim $pin $terminal 80:12:00:00:$len "$(done_with 25)" $choose 80:12:00:00:"$offered")
message=$(tail -n 1 <<<"$said")
alert=$(grep -o '53574131.*' <<<"$message"); alert=${alert%9000}
if [ ${#alert} -gt 200 ]; then pass "SEND SHORT MESSAGE: an alert of $((${#alert} / 2)) octets"; else fail "no alert: $said"; exit; fi
python3 -c '
import sys
said = bytes.fromhex(sys.argv[1])[:-64]
sys.stdout.buffer.write(b"simward.card.alert.1\0" + said)' "$alert" >alert
if verified "$key" alert "${alert: -128}"; then pass "signed by the owner's key: OpenSSL says $(cat verified)"; else fail "the alert: $(cat verified)"; fi
withdraw
said=$("$simward" card info --state owner.state --pin-file <(echo 1234) 2>&1)
if grep -q 'IoT SAFE (A0000005590010)' <<<"$said"; then pass "card info names the application"; else fail "card info: $said"; fi
