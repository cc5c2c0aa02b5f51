# Other people's programs that the tests talk to: which, whether they are here, and how they get here. For ./test.
#
# A test names its peers in its own header, as Debian packages: `# Needs pcscd, opensc.`

peers_cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/simward

# peers_of SCRIPT: the packages in its header.
peers_of() { sed -n 's/^# Needs \([^.]*\)\..*/\1/p' "$1" | tr ',' ' '; }

# All packages of all tests; Python is for the second checker of the deed's vectors.
read -r -d '' -a peers < <(
    for script in crates/simward/tests/interop/*.sh; do peers_of "$script"; done | tr ' ' '\n' | sort -u
    [ ! -f crates/deed/tests/vectors/check.py ] || echo python3-venv
    printf '\0'
)

peers_have() {
    local PATH=$PATH:/usr/sbin:/sbin
    case $1 in
        vsmartcard-vpcd) compgen -G '/usr/lib/pcsc/drivers/serial/libifdvpcd.so*' ;;
        opensc) command -v opensc-tool ;;
        eapoltest) command -v eapol_test ;;
        iproute2) command -v ip && command -v ss ;;
        util-linux) command -v unshare ;;
        mount) command -v mount ;;
        nodejs) command -v node ;;
        libosmo-gsup-client-dev) pkg-config --exists libosmo-gsup-client libosmogsm libosmocore ;;
        libosmocore-utils) command -v osmo-auc-gen ;;
        pcsc-tools) command -v scriptor ;;
        python3-venv) python3 -c 'import venv, ensurepip' ;;
        *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

# peers_lacking PACKAGE…: those that are not here.
peers_lacking() {
    local peer
    for peer in "$@"; do peers_have "$peer" || echo "$peer"; done
}

# peers_provide yes|no: says what is missing and, if it may, installs it.
peers_provide() {
    local lacking root=()
    read -r -d '' -a lacking < <(peers_lacking "${peers[@]}"; printf '\0')
    printf '\n== peers\n'
    if [ ${#lacking[@]} -eq 0 ]; then echo "all here: ${peers[*]}"; return; fi
    echo "missing: ${lacking[*]}"
    if [ "$1" = no ]; then return; fi
    if ! command -v apt-get >/dev/null; then echo "no apt-get here: install them as your system does"; return; fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! sudo -n true 2>/dev/null; then echo "to install them: sudo apt-get install ${lacking[*]}"; return; fi
        root=(sudo -n)
    fi
    # Runlevel 1 starts no service; the tests start their own, in namespaces of their own. A package whose service
    # would not start is here all the same, so what counts is the look afterwards, not the exit code.
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q update >"$logs/apt.log" 2>&1
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get -q install -y --no-install-recommends "${lacking[@]}" >>"$logs/apt.log" 2>&1
    read -r -d '' -a lacking < <(peers_lacking "${lacking[@]}"; printf '\0')
    if [ ${#lacking[@]} -eq 0 ]; then echo "installed"
    else tail -n 20 "$logs/apt.log"; echo "still missing: ${lacking[*]}"; fi
}

# peers_node yes|no: a folder whose node_modules has what the tests in a browser need; nothing of it is run when it is
# installed, and no browser is fetched. The versions are the newest that Debian's Node runs.
peers_node() {
    local home=$peers_cache/node wanted=(playwright-core@1.60.0 axe-core@4.14.1)
    if [ "$(cat "$home/installed" 2>/dev/null)" != "${wanted[*]}" ]; then
        [ "$1" = yes ] && command -v npm >/dev/null || return 1
        rm -rf "$home" && mkdir -p "$home" \
            && npm install --silent --no-save --ignore-scripts --no-audit --no-fund --prefix "$home" "${wanted[@]}" \
                >"$logs/node.log" 2>&1 \
            && echo "${wanted[*]}" >"$home/installed" || { tail -n 20 "$logs/node.log" >&2; return 1; }
    fi
    echo "$home"
}

# peers_python yes|no: a Python that has what ci/requirements.txt names, in a virtual environment of ours.
peers_python() {
    local home=$peers_cache/python
    local has=("$home/bin/python" -c 'import cbor2, cryptography, elftools, unicorn')
    if ! "${has[@]}" 2>/dev/null; then
        [ "$1" = yes ] || return 1
        python3 -m venv --clear "$home" >"$logs/python.log" 2>&1 \
            && "$home/bin/pip" install --quiet --requirement ci/requirements.txt >>"$logs/python.log" 2>&1 \
            && "${has[@]}" 2>>"$logs/python.log" || { tail -n 20 "$logs/python.log" >&2; return 1; }
    fi
    echo "$home/bin/python"
}
