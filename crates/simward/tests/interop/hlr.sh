#!/usr/bin/env bash
# The same thief at Debian's osmo-hlr and at ours, in one table: a row edited, a card copied, an AUTS replayed.
#
#   hlr.sh SIMWARD FOLDER
#
# Needs osmo-hlr, libosmo-gsup-client-dev, pkg-config, gcc, python3, util-linux, mount, iproute2.
set -u
[ $# -eq 2 ] || { sed -n '2,6p' "$0" >&2; exit 2; }
# Inside, /tmp is another one: what lies beside this script comes along.
[ "${SPACE:-}" = inside ] || { rm -rf "$2" && mkdir -p "$2" && cp "$(dirname "$0")/gsup.c" "$2"; } || exit 2
. "$(dirname "$0")/space.bash" "$1" "$2" osmo-hlr osmo-hlr-db-tool pkg-config gcc python3

export SIMWARD_DEVICE_KEYS=$work/device-keys
owner=8613800138000 thief=8613900139000
gcc -Wall -o gsup gsup.c $(pkg-config --cflags --libs libosmo-gsup-client libosmogsm libosmocore) 2>gcc.log \
    || { fail "gsup.c does not compile: $(head -n 3 gcc.log)"; exit; }

# -- Both sides have the same two subscribers, and each subscriber a card for each side -------------------------------

start node "$simward" up --data node
until_true grep -q '^pages ' node.log || { fail "no node: $(cat node.log)"; exit; }
field() { sed -n "s/^$2 = \"\(.*\)\"/\1/p" "$1.toml"; }
card() { # NAME PROFILE: a card in a folder, its PIN in NAME.pin
    field "$2" pin >"$1.pin"
    "$simward" card make --state "$1" --profile "$2.toml" >/dev/null 2>&1
}
for who in owner thief; do
    "$simward" number issue "${!who}" --data node --profile $who.toml --owner $who.keys >/dev/null || { fail "no $who"; exit; }
    card $who-there $who
    card $who-here $who
done
imsi=$(field owner imsi) thiefs=$(field thief imsi)
# What a thief makes who has a blank card and the owner's IMSI: his own key under it.
sed -e "s/^k = .*/k = \"$(field thief k)\"/" -e "s/^opc = .*/opc = \"$(field thief opc)\"/" owner.toml >forged.toml
chmod 600 forged.toml
for side in there here; do card forged-$side forged; done

printf 'line vty\n bind 127.0.0.1\nhlr\n database hlr.db\n gsup\n  bind ip 127.0.0.1\n' >hlr.cfg
osmo-hlr-db-tool -l hlr.db create >/dev/null 2>&1
sql() { # FILE STATEMENTS: an administrator's hand
    python3 -c 'import sqlite3, sys
d = sqlite3.connect(sys.argv[1], timeout=5)
rows = [row for s in sys.argv[2].split(";") if s.strip() for row in d.execute(s).fetchall()]
d.commit()
print("\n".join(str(value) for row in rows for value in row), end="")' "$1" "$2"
}
sql hlr.db "INSERT INTO subscriber (id, imsi, msisdn) VALUES (1, '$imsi', '$owner'), (2, '$thiefs', '$thief');
INSERT INTO auc_3g (subscriber_id, algo_id_3g, k, opc) VALUES
(1, 5, '$(field owner k)', '$(field owner opc)'), (2, 5, '$(field thief k)', '$(field thief opc)')"
start hlr osmo-hlr -c hlr.cfg -l hlr.db
hlr_answers() { ./gsup 127.0.0.1 "$imsi" >vector.first; }
until_true hlr_answers || { fail "osmo-hlr does not answer: $(tail -n 3 hlr.log)"; exit; }

# -- Attaching: the centre's challenge, the card's answer --------------------------------------------------------------

vector_there() { ./gsup 127.0.0.1 "$1"; }                     # RAND AUTN RES
gateway() { # DATAGRAM: to our authentication centre, as hostapd sends it; what comes back
    python3 -c 'import os, socket, sys
datagram, folder = sys.argv[1:]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(folder + "/asker"); s.settimeout(2)
s.sendto(datagram.encode(), folder + "/node/gateway.sock")
try: print(s.recv(1024).decode())
except socket.timeout: print("silence")
finally: os.unlink(folder + "/asker")' "$1" "$work"
}
vector_here() { gateway "AKA-REQ-AUTH $1" | awk '/RESP/ && NF == 7 { print $3, $4, $7 } !(/RESP/ && NF == 7) { print "refused" }'; }
answer() { "$simward" card authenticate --state "$1" --pin-file "${2:-$1}.pin" "$3" "$4" 2>&1; } # CARD PIN RAND AUTN
attach() { # SIDE CARD IMSI: what became of it; a card that is ahead is given a second vector, as a network does
    local side=$1 card=$2 rand autn res said try
    for try in 1 2; do
        read -r rand autn res < <("vector_$side" "$3")
        if [ -z "${res:-}" ]; then echo refused; return; fi
        said=$(answer "$card" "$card" "$rand" "$autn")
        case $said in
            "RES $res") echo attaches; return ;;
            AUTS\ *) resync "$side" "$3" "$rand" "${said#AUTS }" ;;
            *) echo refused; return ;;
        esac
    done
    echo refused
}
resync() { # SIDE IMSI RAND AUTS
    if [ "$1" = there ]; then ./gsup 127.0.0.1 "$2" "$3" "$4"
    else gateway "AKA-AUTS $2 $4 $3"; fi >/dev/null
}

table=()
row() { # WHAT THERE HERE [SAME]: osmo-hlr's outcome, then ours, which must be `refused` for a thief
    table+=("$(printf '%-52s %-30s %s' "$1" "$2" "$3")")
}
expect() { # WHAT WANTED GOT
    if [ "$2" = "$3" ]; then pass "$1: $3"; else fail "$1: $3, not $2"; fi
}

there=$(attach there owner-there "$imsi") here=$(attach here owner-here "$imsi")
row "owner's own card" "$there" "$here"
expect "there, the owner's own card" attaches "$there"
expect "here, the owner's own card" attaches "$here"
there=$(attach there forged-there "$imsi") here=$(attach here forged-here "$imsi")
row "thief's key under the owner's IMSI, nothing edited" "$there" "$here"
expect "there, a card with another key" refused "$there"
expect "here, a card with another key" refused "$here"

# -- 1. A row edited: the thief's key in the owner's row; the owner's number at the thief's IMSI ------------------------

sql hlr.db "UPDATE auc_3g SET k = '$(field thief k)', opc = '$(field thief opc)' WHERE subscriber_id = 1"
sql node/operator.db "UPDATE cards SET keys = (SELECT keys FROM cards WHERE imsi = '$thiefs') WHERE imsi = '$imsi'"
there=$(attach there forged-there "$imsi") here=$(attach here forged-here "$imsi")
row "row edited: thief's key in the owner's row" "$there" "$here"
expect "there, the thief's key in the owner's row" attaches "$there"
expect "here, the thief's key in the owner's row" refused "$here"
there=$(attach there owner-there "$imsi") here=$(attach here owner-here "$imsi")
row "  and the owner's own card then" "$there" "$here"
expect "there, the owner after the edit" refused "$there"
expect "here, the owner after the edit" attaches "$here"
sql hlr.db "UPDATE auc_3g SET k = '$(field owner k)', opc = '$(field owner opc)' WHERE subscriber_id = 1"

sql hlr.db "UPDATE subscriber SET msisdn = NULL WHERE id = 1; UPDATE subscriber SET msisdn = '$owner' WHERE id = 2"
sql node/operator.db "UPDATE numbers SET imsi = '$thiefs' WHERE number = '$owner'"
there=$(./gsup 127.0.0.1 "$thiefs" location)
url=$(cat node/url) token=$(cat node/keys/desk.token)
http() { python3 -c 'import sys, urllib.request as u
print(u.urlopen(u.Request(sys.argv[1], headers={"authorization": "Bearer " + sys.argv[2]})).read().decode())' "$url$1" "$token"; }
here=$(http "/v1/resolve/$owner")
if [ "$there" = "msisdn $owner" ]; then there="attaches as $owner"; fi
if [ "$here" = "$imsi" ]; then here=refused; fi
row "row edited: owner's number at the thief's IMSI" "$there" "$here"
expect "there, the owner's number at the thief's IMSI" "attaches as $owner" "$there"
expect "here, the owner's number at the thief's IMSI" refused "$here"
sql hlr.db "UPDATE subscriber SET msisdn = '$thief' WHERE id = 2; UPDATE subscriber SET msisdn = '$owner' WHERE id = 1"

# -- 2. A card copied. An open software card keeps K in a file: whoever copies the file has the card. Ours is a folder --

card copied-there owner
cp -r owner-here copied-here
there=$(attach there copied-there "$imsi")
cp owner-here.pin copied-here.pin
here=$(attach here copied-here "$imsi")
row "card copied: its files on another machine" "$there" "$here"
expect "there, a copy of the card's files" attaches "$there"
expect "here, a copy of the card's files" refused "$here"

# -- 3. An AUTS replayed: recorded when the owner's card was ahead, sent again later ------------------------------------

replayed() { # SIDE CARD: outcome of the replay, by what the owner's card finds afterwards
    local side=$1 card=$2 first second rand autn res auts said
    attach "$side" "$card" "$imsi" >/dev/null
    read -r rand autn res < <("vector_$side" "$imsi")
    answer "$card" "$card" "$rand" "$autn" >/dev/null
    auts=$(answer "$card" "$card" "$rand" "$autn") # the same challenge twice: the card is ahead of it
    auts=${auts#AUTS }
    resync "$side" "$imsi" "$rand" "$auts"
    for _ in 1 2 3; do attach "$side" "$card" "$imsi" >/dev/null; done
    resync "$side" "$imsi" "$rand" "$auts" # and again, by the thief
    read -r first second res < <("vector_$side" "$imsi")
    said=$(answer "$card" "$card" "$first" "$second")
    case $said in
        "RES $res") echo refused ;;
        AUTS\ *) echo "taken: the ledger falls back" ;;
        *) echo "$said" ;;
    esac
}
there=$(replayed there owner-there) here=$(replayed here owner-here)
row "AUTS replayed: recorded once, sent again" "$there" "$here"
expect "there, an AUTS replayed" "taken: the ledger falls back" "$there"
expect "here, an AUTS replayed" refused "$here"

printf '\n    %-52s %-30s %s\n' "the same thief" "osmo-hlr $(dpkg-query -W -f '${Version}' osmo-hlr 2>/dev/null)" Simward
printf '    %s\n' "${table[@]}"
