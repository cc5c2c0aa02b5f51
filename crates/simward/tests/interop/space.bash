# What the tests with other people's programs have in common; they source it.
#
#   . space.bash SIMWARD FOLDER TOOL…
#
# Runs the script again in a network, mount and process namespace of its own: it meets no other pcscd, its ports are
# seen by nobody, and when it ends, everything it started ends. There /run and /tmp are its own too; $work is FOLDER and
# $simward the binary, both under names short enough for a socket's path. FOLDER is kept for a look afterwards.
#
# Every PASS is something that was read, not something that was missing.

if [ "${SPACE:-}" != inside ]; then
    for tool in unshare mount ip ss "${@:3}"; do
        PATH="$PATH:/usr/sbin:/sbin" command -v "$tool" >/dev/null || { echo "FAIL $tool is not installed"; exit 2; }
    done
    mkdir -p "$2" || exit 2
    export SPACE=inside PATH="$PATH:/usr/sbin:/sbin"
    if [ "$(id -u)" -eq 0 ]; then spaces=-mn; else spaces=-Urmn; fi
    exec unshare "$spaces" --kill-child --pid --fork -- "$BASH" "$0" "$(realpath "$1")" "$(realpath "$2")"
fi

failed=0
started=()

pass() { echo "PASS $*"; }
fail() { echo "FAIL $*"; failed=1; }
finish() {
    local pid
    for pid in "${started[@]}"; do kill "$pid" 2>/dev/null; done
    for pid in "${started[@]}"; do wait "$pid" 2>/dev/null; done
    exit "$failed"
}
trap 'finish' EXIT
trap 'failed=1; exit' INT TERM

ip link set lo up || { fail "no loopback in the namespace"; exit; }
mount -t tmpfs tmpfs /run && mkdir -p /run/pcscd /run/work && mount --bind "$2" /run/work \
    && touch /run/simward && mount --bind "$1" /run/simward && mount -t tmpfs tmpfs /tmp \
    || { fail "no /run and /tmp of our own"; exit; }
simward=/run/simward work=/run/work
export SIMWARD_DEVICE_KEYS=$work/device-keys
cd "$work" || exit

# Tries a command for ten seconds until it succeeds.
until_true() {
    local _
    for _ in $(seq 200); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.05
    done
    return 1
}

start() { # NAME COMMAND…: in the background, its output in NAME.log; the process id in $last
    local name=$1
    shift
    "$@" >"$work/$name.log" 2>&1 &
    last=$!
    started+=("$last")
}

# refused WHAT TEXT COMMAND…: fails and says TEXT
refused() {
    local what=$1 text=$2 said
    shift 2
    if said=$("$@" 2>&1); then fail "$what: accepted"
    elif grep -qF -- "$text" <<<"$said"; then pass "$what: $(tail -n 1 <<<"$said")"
    else fail "$what: said $said"; fi
}

# profile FILE [K OPC PIN]: a card's profile, its owner's alone; TS 35.208's set 1 and PIN 1234 unless told.
profile() {
    (umask 077 && cat >"$1") <<PROFILE
iccid = "8986001200000000017"
imsi = "460001234567890"
mnc_length = 2
k = "${2:-465b5ce8b199b49faa5f0a2ee238a6bc}"
opc = "${3:-cd63cb71954a9f4e48a5994e37a02baf}"
pin = "${4:-1234}"
puk = "12345678"
adm1 = "87654321"
PROFILE
}

# The reader: pcscd with vpcd, which has two slots; a card goes into the first.
start_reader() {
    start pcscd pcscd --foreground
    until_true vpcd_listens || { fail "vpcd does not listen: $(cat "$work/pcscd.log")"; exit; }
}
vpcd_listens() { ss -ltn | grep -q ':35963 '; }
has_card() { opensc-tool -l 2>/dev/null | grep -q '^0 *Yes'; }
no_card() { opensc-tool -l 2>/dev/null | grep -q '^0 *No'; }

# insert NAME [PROFILE]: a card whose state is NAME.state, made from the profile if there is none; $card is its process.
insert() {
    local profile=()
    [ $# -lt 2 ] || profile=(--profile "$2")
    start "$1" "$simward" card --state "$work/${1%%.*}.state" "${profile[@]}"
    card=$last
    until_true has_card || { fail "no card in the reader: $(cat "$work/$1.log")"; exit; }
}

# Takes the card out as its holder would; the exit code is its process's.
withdraw() {
    local code
    kill -INT "$card"
    wait "$card"
    code=$?
    until_true no_card || fail "the reader still shows the card that was taken out"
    return "$code"
}
