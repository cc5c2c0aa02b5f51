#!/usr/bin/env python3
"""A second implementation of the deed, format 1, to hold the published vectors against.

Written from docs/deed.md and the standards it names, with stock libraries: cbor2 for the bytes, cryptography for the
signatures. It decides every history in deed-1.json anew and compares: accepted or not, at which event, with which
state. Then it changes bytes of what was accepted and expects a refusal. Usage: check.py [deed-1.json]
"""

import base64
import copy
import hashlib
import hmac
import json
import pathlib
import re
import sys
import types
from collections import namedtuple

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.hashes import SHA256

MINUTE, HOUR, DAY = 60, 3_600, 86_400
PHONE, ELSEWHERE, PEOPLE, OPERATOR = 1, 2, 3, 4
ISSUER, CONSENT, DESK, AUC, EMERGENCY = 1, 2, 3, 4, 5
CHANGE, FURTHER, REMOVE_CARD, LIFT, ADD_FACTOR, REMOVE_FACTOR = range(1, 7)
TRUST, PORT_OUT, TRANSFER, GIVE_UP, NEW_K, TENURE, WAKE = range(7, 14)
SERVICE, LEGAL = 7, 8
ZEROS = bytes(32)


class Refused(Exception):
    """Not a legal continuation; the argument is the reason's short name."""


def need(condition, reason):
    if not condition:
        raise Refused(reason)


# -- Bytes: deterministic CBOR of unsigned integers, byte strings, printable ASCII and arrays --------------------------

def encode(value):
    return cbor2.dumps(value, canonical=True)


def plain(value, depth=0):
    """Only the four types of format 1, nested at most six deep."""
    if type(value) is list:
        return depth < 6 and all(plain(item, depth + 1) for item in value)
    if type(value) is str:
        return all(" " <= c <= "~" for c in value)
    return type(value) is bytes or type(value) is int and 0 <= value < 1 << 53


def decode(data):
    """One whole item, if the bytes are its one deterministic form."""
    try:
        value = cbor2.loads(data)
        good = plain(value) and encode(value) == data
    except Exception as error:  # whatever the library thinks of hostile bytes
        raise Refused("encoding") from error
    need(good, "encoding")
    return value


def decode_items(data):
    """Items one after the other: an array but for its head, of which only the right one fits."""
    for n in range(1, 24):
        try:
            return decode(bytes([0x80 + n]) + data)
        except Refused:
            continue
    raise Refused("encoding")


Some = namedtuple("Some", "each most")  # a list of at most so many
Record = namedtuple("Record", "make shape")  # an array that gets a name
Bits = namedtuple("Bits", "")  # hold bits, rising


def fit(value, shape):
    """The value, if it has the shape: a type; a number of bytes, or a set of such; a range; a pattern; parts."""
    if isinstance(shape, type):
        need(type(value) is shape, "encoding")
    elif isinstance(shape, range):
        need(type(value) is int, "encoding")
        need(value in shape, "unknown")
    elif isinstance(shape, re.Pattern):
        need(type(value) is str and shape.fullmatch(value), "encoding")
    elif isinstance(shape, (int, set)):
        need(type(value) is bytes and len(value) in ({shape} if isinstance(shape, int) else shape), "encoding")
    elif isinstance(shape, Record):
        return shape.make(*fit(value, shape.shape))
    elif isinstance(shape, Bits):
        value = fit(value, Some(range(9), 9))
        need(value == sorted(set(value)), "encoding")
    else:
        most = shape.most if isinstance(shape, Some) else len(shape)
        need(type(value) is list, "encoding")
        need(len(value) <= most, "limit")
        need(isinstance(shape, Some) or len(value) == most, "encoding")
        return [fit(*pair) for pair in zip(value, [shape.each] * most if isinstance(shape, Some) else shape)]
    return value


def record(name, **fields):
    return Record(namedtuple(name, fields), list(fields.values()))


NUMBER, ICCID, IMSI, EID = map(re.compile, ("[1-9][0-9]{4,14}", "[0-9]{18,20}", "[0-9]{14,15}", "([0-9]{32})?"))
CARD = record("Card", version=range(1, 2), iccid=ICCID, imsi=IMSI, eid=EID, key_commit=32, card_pub={0, 65})
FACTOR = record("Factor", purpose=range(1, 6), place=range(1, 5), suite=range(1, 5), key={32, 65}, rp_id=str,
                cred_id=bytes, aaguid=16, reg_flags=range(256))
INTENT = record("Intent", kind=range(1, 14), number=NUMBER, slot=int, origin={0, 32}, subject=bytes, not_before=int,
                expiry=int, over=range(5), flags=range(3))
PROOF = record("Proof", signer=32, as_of_seq=int, as_of_head=32, evidence=list)
EVENT = record("Event", version=range(1, 2), deed_id=32, seq=int, prev=32, salt=16, type=range(11), body=list,
               proofs=Some(PROOF, 32))
ROLE = record("Role", kind=range(1, 6), suite=range(2, 4), key={32, 65}, office=int, since=int, until=int)
SITE = record("Site", rp_id=str, origins=Some(str, 16), page_digest=32)
MANIFEST = record("Manifest", version=range(1, 2), operator=str, env=range(2), number=int, prev=32,
                  roles=Some(ROLE, 256), sites=Some(SITE, 16), log_policy=bytes,
                  delays=Some([int, range(1, 5), int], 64), roll_scheme=range(1, 2), roll_digest=32, next_root=32)
PEOPLE_SUBJECT = record("People", needed=int, factors=Some(FACTOR, 8))
SUBJECT = {
    CHANGE: CARD, FURTHER: CARD, LIFT: Bits(), ADD_FACTOR: FACTOR, REMOVE_FACTOR: [32], TRUST: PEOPLE_SUBJECT,
    PORT_OUT: [re.compile("[ -~]{1,64}"), 32], TRANSFER: Some(FACTOR, 16), NEW_K: CARD, TENURE: [range(1, 4)],
    WAKE: CARD,
}
BODY = {
    0: record("Issued", manifest=32, number=NUMBER, generation=int, previous={0, 32}, source=range(1, 4),
              tenure=range(1, 4), watch_key=32, slots=Some([int, CARD], 8), factors=Some(FACTOR, 16)),
    1: record("Requested", intent=INTENT),
    2: record("Consented", request=32, intent=INTENT),
    3: record("Notified", request=32, receipts=Some(32, 32)),
    4: record("Vetoed", request=32, reason=int),
    5: record("Ended", request=32, reason=range(1, 4)),
    6: record("Held", bits=Bits(), silenced=Some([32, range(1, 3)], 16), reason=int),
    7: record("Committed", request=32, start_seq=int, early=bytes, late=bytes, origin=bytes),
    8: record("Watched", watch_key=32),
    9: record("Adopted", manifest=32, early=bytes, late=bytes),
    10: record("Observed", what=range(1, 4), digest=32),
}
EVIDENCE = {1: [64], 2: [32, 64], 3: [bytes, bytes, 64]}


def H(label, data):
    return hashlib.sha256(b"simward.deed." + label.encode() + b".1\0" + data).digest()


def sha256(data):
    return hashlib.sha256(data).digest()


def card_id(card):
    return H("card", encode(list(card)))


def factor_id(factor):
    return H("factor", encode([factor.suite, factor.key, factor.rp_id]))


def tag(watch_key, seq):
    return hmac.digest(watch_key, b"simward.deed.tag.1\0" + seq.to_bytes(8, "big"), "sha256")


# -- Records -----------------------------------------------------------------------------------------------------------

def check_factor(f):
    """Whether a factor's purpose, place and suite go together."""
    passkey, ed25519_key = f.suite == 1, f.suite >= 3
    need(len(f.key) == (32 if ed25519_key else 65), "encoding")
    need(f.rp_id and 1 <= len(f.cred_id) <= 1_023 if passkey else f[4:] == ("", b"", bytes(16), 0), "encoding")
    movable = ed25519_key or passkey and not f.reg_flags & 0x08
    anywhere = f.place == PHONE or f.place == ELSEWHERE and movable
    fits = {1: anywhere, 2: anywhere, 3: f.place == ELSEWHERE and ed25519_key,
            4: f.place == PHONE and f.suite == 2, 5: f.place == PEOPLE}
    need(fits[f.purpose], "encoding")
    return f


def subject_of(intent):
    """What an intent is about, decoded by its kind; nothing where the subject is empty."""
    need(intent.flags in {CHANGE: (0, 1), WAKE: (0, 1), FURTHER: (0, 2)}.get(intent.kind, (0,)), "unknown")
    need(bool(intent.origin) == (intent.kind in (CHANGE, REMOVE_CARD, NEW_K, WAKE)), "intent")
    of_slot = intent.kind in (CHANGE, FURTHER, REMOVE_CARD, NEW_K, WAKE)
    need(intent.slot < 8 if of_slot else intent.slot == 0, "intent")
    if intent.kind not in SUBJECT:
        need(intent.subject == b"", "encoding")
        return None
    subject = fit(decode(intent.subject), SUBJECT[intent.kind])
    need(subject or intent.kind == LIFT, "encoding")
    [check_factor(f) for f in named_factors(intent.kind, subject)]
    return subject


def named_factors(kind, subject):
    """The factors that an intent names in full."""
    if kind == ADD_FACTOR:
        return [subject]
    return subject.factors if kind == TRUST else subject if kind == TRANSFER else []


def read_event(data):
    """An event, its body, and the subject of the intent in it."""
    need(len(data) <= 65_536, "limit")
    event = fit(decode(data), EVENT)
    for proof in event.proofs:
        need(len(proof.evidence) in EVIDENCE, "encoding")
        fit(proof.evidence, EVIDENCE[len(proof.evidence)])
    body = fit([event.body] if event.type == 1 else event.body, BODY[event.type])  # event 1's is the intent itself
    [check_factor(f) for f in body.factors] if event.type == 0 else None
    return event, body, subject_of(body.intent) if event.type in (1, 2) else None


# -- Signatures --------------------------------------------------------------------------------------------------------

P = 2**255 - 19
D = -121_665 * pow(121_666, -1, P) % P


def regular(point):
    """An encoded Edwards point in canonical form and of large order (RFC 8032 §5.1.3)."""
    y = int.from_bytes(point, "little") % 2**255
    return y < P and y not in (0, 1, P - 1) and (D * y**4 + 2 * y * y - 1) % P != 0


def signed_ed25519(key, message, signature):
    if not regular(key) or not regular(signature[:32]):
        return False
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


def signed_es256(point, message, signature):
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        halves = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        key.verify(utils.encode_dss_signature(*halves), message, ec.ECDSA(SHA256()))
        return True
    except (InvalidSignature, ValueError):
        return False


def webauthn(manifest, factor, message, authenticator_data, client_data, signature):
    """The signature counter of an assertion over this message, by WebAuthn L3's limited verification."""
    site = next((s for s in manifest.sites if s.rp_id == factor.rp_id), None)
    need(site is not None and len(client_data) <= 1_024 and len(authenticator_data) >= 37, "webauthn")
    challenge = base64.urlsafe_b64encode(sha256(message)).rstrip(b"=").decode()
    head = '{"type":"webauthn.get","challenge":"%s","origin":"%s"'
    starts = [(head % (challenge, origin)).encode() for origin in site.origins]
    rest = next((client_data[len(start):] for start in starts if client_data.startswith(start)), b"")
    flag = b',"crossOrigin":false'  # WebKit leaves it out, and then nothing follows
    need(rest in (b"}", flag + b"}") or rest.startswith(flag + b","), "webauthn")
    flags = authenticator_data[32]
    need(authenticator_data[:32] == sha256(site.rp_id.encode()), "webauthn")
    need(flags & 0x45 == 0x05, "webauthn")  # user present and verified, no attested credential
    need(flags & 0x08 == factor.reg_flags & 0x08 and flags & 0x18 != 0x10, "webauthn")
    need(signed_es256(factor.key, authenticator_data + sha256(client_data), signature), "signature")
    return int.from_bytes(authenticator_data[33:37], "big")


def check_key(manifest, suite, key, message, evidence, factor=None):
    """The counter that came with a good signature; 0 for keys that have none."""
    need(len(evidence) == {1: 3, 2: 1, 3: 1, 4: 2}[suite], "signature")
    if suite == 1:
        return webauthn(manifest, factor, message, *evidence)
    if suite == 4:
        need(sha256(evidence[0]) == key, "signature")
        key = evidence[0]
    need((signed_es256 if suite == 2 else signed_ed25519)(key, message, evidence[-1]), "signature")
    return 0


# -- The log: RFC 6962 inclusion, and C2SP's notes, checkpoints, cosignatures, policies and proofs --------------------

def unbase64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Refused("log") from error
    need(base64.b64encode(data).decode() == text, "log")
    return data


def decimal(text):
    need(re.fullmatch("0|[1-9][0-9]{0,18}", text), "log")
    return int(text)


def verifier_key(text, kind):
    """Name, key id and Ed25519 key of a vkey."""
    name, key_id, material = text.split("+", 2)
    material = unbase64(material)
    need(name and len(material) == 33 and material[0] == kind, "log")
    need(sha256(name.encode() + b"\n" + material)[:4].hex() == key_id, "log")
    return name, bytes.fromhex(key_id), material[1:]


class Policy:
    """A C2SP tlog-policy. Rules are ("witness", index) and ("group", k, rules)."""

    def __init__(self, data):
        self.logs, self.witnesses, rules, quorum = [], [], {}, []
        used = []
        for line in data.decode().split("\n"):
            what, *words = [w for w in re.split("[ \t]", line) if w] or ["#"]
            if what.startswith("#"):
                continue
            if what == "log":
                self.logs.append(verifier_key(words[0], 1))
            elif what == "witness":
                need(words[0] not in rules, "log")
                rules[words[0]] = ("witness", len(self.witnesses))
                self.witnesses.append(verifier_key(words[1], 4))
            elif what == "group":
                members = [rules[w] for w in words[2:]]
                used += words[2:]
                k = {"all": len(members), "any": 1}.get(words[1]) or int(words[1])
                need(1 <= k <= len(members) and words[0] not in rules, "log")
                rules[words[0]] = ("group", k, members)
            else:
                need(what == "quorum" and not quorum, "log")
                quorum.append(rules[words[0]])
        need(len(set(used)) == len(used), "log")  # no voice counts twice
        self.quorum = quorum[0]
        need(len(self.logs) == 1, "log")  # places are compared, and that means something within one log only
        need(self.smallest(self.quorum) >= 1 + 2 * len(self.witnesses) // 3, "log")  # no room for a split view

    def smallest(self, rule):
        return 1 if rule[0] == "witness" else sum(sorted(map(self.smallest, rule[2]))[:rule[1]])

    def satisfied(self, rule, by):
        if rule[0] == "witness":
            return rule[1] in by
        return sum(self.satisfied(member, by) for member in rule[2]) >= rule[1]

    def judge(self, text, lines):
        """Size and root of a checkpoint, and the times between which its quorum saw it.

        First the smallest time by which some whole quorum had seen it, then the largest from which on one did."""
        origin, size, root, end = text.split("\n")
        size, root = decimal(size), unbase64(root)
        need(origin and len(root) == 32 and end == "", "log")
        logs = [(lines.get(log[:2]), log[2]) for log in self.logs if log[0] == origin]
        signed = [len(s) == 64 and signed_ed25519(key, text.encode(), s) for s, key in logs if s is not None]
        need(signed and all(signed), "log")
        times = {}
        for i, (name, key_id, key) in enumerate(self.witnesses):
            line = lines.get((name, key_id))
            if line is None:
                continue
            time = int.from_bytes(line[:8], "big")
            message = f"cosignature/v1\ntime {time}\n{text}".encode()
            need(len(line) == 72 and 0 < time < 1 << 63 and signed_ed25519(key, message, line[8:]), "log")
            times[i] = time
        quorate = lambda keep: self.satisfied(self.quorum, {i for i, time in times.items() if keep(time)})
        need(quorate(lambda _: True), "log")
        return (size, root, min(t for t in times.values() if quorate(lambda x: x <= t)),
                max(t for t in times.values() if quorate(lambda x: x >= t)))


def read_note(note):
    need(len(note.encode()) <= 16_384 and all(c >= " " or c == "\n" for c in note), "log")
    text, _, signatures = note.rpartition("\n\n")
    need(text and signatures.endswith("\n") and signatures.count("\n") <= 64, "log")
    lines = {}
    for line in signatures[:-1].split("\n"):
        dash, name, data = (line.split(" ", 2) + ["", ""])[:3]
        data = unbase64(data)
        need(dash == "\u2014" and name and not set(name) & set("+\u00a0\u2003") and len(data) >= 4, "log")
        need((name, data[:4]) not in lines, "log")
        lines[name, data[:4]] = data[4:]
    return text + "\n", lines


def root_from_inclusion(leaf, index, size, path):
    """The root a proof leads to (RFC 9162 §2.1.3.2)."""
    need(index < size, "log")
    node, last, result = index, size - 1, sha256(b"\0" + leaf)
    for sibling in path:
        need(last > 0, "log")
        if node % 2 or node == last:
            result = sha256(b"\1" + sibling + result)
            while node % 2 == 0 and node:
                node, last = node // 2, last // 2
        else:
            result = sha256(b"\1" + result + sibling)
        node, last = node // 2, last // 2
    need(last == 0, "log")
    return result


Seen = namedtuple("Seen", "index by still")


def event_leaf(state, seq):
    """The leaf of an event, with its tag by the watch key that was valid at its place."""
    need(seq < len(state.heads), "log")
    key = [key for since, key in state.watch_keys if since <= seq][-1]
    return b"\1" + tag(key, seq) + state.heads[seq]


def check_tlog_proof(policy, proof, leaf):
    """Where a leaf is logged, and when a quorum had seen it there."""
    try:
        head, note = proof.decode().split("\n\n", 1)
        magic, index, *path = head.split("\n")
    except ValueError as error:
        raise Refused("log") from error
    need(magic == "c2sp.org/tlog-proof@v1" and index.startswith("index "), "log")
    path = [unbase64(line) for line in path]
    need(len(path) <= 64 and all(len(sibling) == 32 for sibling in path), "log")
    text, lines = read_note(note)
    need(text.count("\n") == 3, "log")
    size, root, by, still = policy.judge(text, lines)
    index = decimal(index[6:])
    need(root_from_inclusion(leaf, index, size, path) == root, "log")
    return Seen(index, by, still)


# -- Who signed --------------------------------------------------------------------------------------------------------

Signer = namedtuple("Signer", "what id factor role counter fresh seq")  # what: factor, new, role, sleeper


def check_proof(manifest, state, event, body, subject, proof):
    deed_id, heads = (ZEROS, [ZEROS]) if state is None else (state.deed_id, state.heads)
    need(proof.as_of_seq < len(heads) and heads[proof.as_of_seq] == proof.as_of_head, "as-of")
    statement = encode([1, deed_id, [proof.as_of_seq, proof.as_of_head], event.type, event.body])
    message = b"simward.deed.statement.1\0" + statement
    signer = Signer("factor", proof.signer, None, None, 0, True, proof.as_of_seq)
    if state is not None and proof.signer in state.factors:
        known = state.factors[proof.signer]
        f = known.record
        counter = check_key(manifest, f.suite, f.key, message, proof.evidence, f)
        fresh = counter == known.counter == 0 or counter > known.counter
        return signer._replace(factor=known, counter=counter, fresh=fresh)
    introduced = named_factors(body.intent.kind, subject) if event.type in (1, 2) else []
    for f in body.factors if event.type == 0 else introduced:
        if factor_id(f) == proof.signer:
            counter = check_key(manifest, f.suite, f.key, message, proof.evidence, f)
            return signer._replace(what="new", counter=counter)
    for role in manifest.roles:
        if H("role", encode(list(role))) == proof.signer:
            need(proof.as_of_seq == len(heads) - 1, "stale")
            check_key(manifest, role.suite, role.key, message, proof.evidence)
            return signer._replace(what="role", role=role)
    if state is not None and event.type in (1, 2) and body.intent.kind == WAKE:
        sleeper, dormant = state.slots.get(body.intent.slot, (None, False))
        if dormant and sleeper.card_pub and card_id(sleeper) == proof.signer:
            check_key(manifest, 2, sleeper.card_pub, message, proof.evidence)
            return signer._replace(what="sleeper")
    raise Refused("signer")


# -- The rules ---------------------------------------------------------------------------------------------------------

def new_factor(f, born, counter, seq):
    return types.SimpleNamespace(record=f, born=born, counter=counter, last=seq, mute_consent=False,
                                 mute_objection=False, spent=False)


def may_consent(known):
    return known.record.purpose != 2 and not known.mute_consent and not known.spent


def mature(known, time):
    return known.born == 0 or time >= known.born + 7 * DAY


def kept_places(state, without):
    """Where somebody might still consent when these factors are gone or spent."""
    return {f.record.place for i, f in state.factors.items() if i not in without and may_consent(f)}


def issue(manifests, event, body):
    need(event.type == 0 and event.seq == 0 and event.deed_id == event.prev == ZEROS, "issue")
    need(body.manifest in manifests, "manifest")
    manifest = manifests[body.manifest].manifest
    need(len({p.signer for p in event.proofs}) == len(event.proofs), "signed-twice")
    signers = [check_proof(manifest, None, event, body, None, proof) for proof in event.proofs]
    need(bool(body.generation) == bool(body.previous), "issue")
    numbers, cards = [n for n, _ in body.slots], [c for _, c in body.slots]
    need(all(n < 8 for n in numbers), "limit")
    for values in (numbers, [c.imsi for c in cards], [c.key_commit for c in cards]):
        need(len(set(values)) == len(values), "issue")
    need(0 in numbers, "issue")
    roles = [s.role.kind for s in signers if s.what == "role"]
    need(roles in ([], [ISSUER]), "role")
    counters = {s.id: s.counter for s in signers if s.what == "new"}
    ids = [factor_id(f) for f in body.factors]
    need(roles and all(i in counters for i in ids), "missing")
    need(whole_set(body.factors), "issue")
    return types.SimpleNamespace(
        manifest=body.manifest, number=body.number, source=body.source, tenure=body.tenure, heads=[],
        watch_keys=[(0, body.watch_key)], slots={n: (card, False) for n, card in body.slots}, reserve=None,
        holds=[set() for _ in range(9)], lifted=[0] * 9, needed=0, live=None, objected={}, proved=0,
        factors={i: new_factor(f, 0, counters[i], 0) for i, f in zip(ids, body.factors)}, moved=None,
        closed=False)


def whole_set(factors):
    """Whether these can be all of an owner's factors: none twice, a consenting one in each of his places."""
    places = {f.place for f in factors if f.purpose != 2}
    distinct = len(set(map(factor_id, factors))) == len(factors)
    return distinct and all(f.purpose != 5 for f in factors) and {PHONE, ELSEWHERE} <= places


def step(manifests, state, data):
    """The state after one more event; the state before is left as it was."""
    event, body, subject = read_event(data)
    head = H("event", data)
    if state is None:
        state = issue(manifests, event, body)
        state.deed_id = head
    else:
        need(not state.closed, "closed")
        need(event.deed_id == state.deed_id, "other-deed")
        need(event.seq == len(state.heads), "sequence")
        need(event.prev == state.heads[-1], "prev")
        need(event.seq < 4_096, "limit")
        manifest, policy, _ = manifests[state.manifest]
        need(event.type != 9 or body.manifest in manifests, "manifest")
        judge = manifests[body.manifest].manifest if event.type == 9 else manifest  # whose roles sign
        need(len({p.signer for p in event.proofs}) == len(event.proofs), "signed-twice")
        state = copy.deepcopy(state)
        signers = [check_proof(judge, state, event, body, subject, proof) for proof in event.proofs]
        need(event.type != 0, "issue")
        told = event.type == 3 and state.live and state.live.notified is not None
        last = event.seq >= 3_840 and (event.type in (1, 2, 6, 10) or told)  # places for what a factor begins
        need(not last or any(s.what == "factor" for s in signers), "limit")
        for s in signers:
            need(s.what != "factor" or s.seq >= s.factor.last, "stale")
        if event.type in (3, 5, 7, 9, 10):
            alone = [AUC if event.type == 10 else CONSENT]
            need([s.role and s.role.kind for s in signers] == alone, "role" if signers else "missing")
        if event.type in (2, 3, 4, 5, 7):
            need(state.live and state.live.head == body.request, "no-request")
        if event.type == 7:
            commit(manifest, policy, state, event.seq, body, signers[0].role)
        elif event.type == 9:
            adopt(manifest, policy, manifests[body.manifest], state, body)
        else:
            RULES[event.type](state, event.seq, head, body, subject, signers)
        for s in signers:
            if s.what == "factor":
                s.factor.counter, s.factor.last = max(s.factor.counter, s.counter), event.seq
    state.heads.append(head)
    return state


def held(state, bit, over=0):
    """Whether a place other than `over` has set the bit."""
    return bool(state.holds[bit] - {over})


def own_bit(kind):
    """The hold bit that forbids a kind of intent, beside 7 and 8."""
    return {CHANGE: 0, NEW_K: 0, WAKE: 0, PORT_OUT: 1, FURTHER: 2}.get(kind)


def lifts_legal(intent, subject):
    return intent.kind == LIFT and LEGAL in subject


def forbid(state, intent, subject):
    need(lifts_legal(intent, subject) or not held(state, LEGAL), "held")
    bit = own_bit(intent.kind)
    need(bit is None or not held(state, bit, intent.over), "held")


def suspended_against_phone(state, over):
    """Whether bit 7 stands against place 1 alone: from any place, or, where the owner has no key elsewhere, past `over` 4."""
    elsewhere = [f for f in state.factors.values() if f.record.place == 2 and may_consent(f)]
    return held(state, SERVICE, over if over == OPERATOR and not elsewhere else 0)


def not_before_objection(state, signers, over):
    for s in signers:
        need(all(s.seq >= seq for place, seq in state.objected.items() if place != over), "stale")


def agree(state, signers, intent, subject, own_request):
    """Consenters of an event, by a name of each, and the counters of new factors that proved possession."""
    not_before_objection(state, signers, intent.over)
    consents, possession, service = [], {}, False
    for s in signers:
        if s.what == "factor":
            need(intent.kind != GIVE_UP, "role")
            need(s.factor.record.purpose != 2, "role")
            need(not s.factor.mute_consent, "silenced")
            need(not s.factor.spent, "spent")
            need(s.fresh, "counter")
            consents.append(("factor", s.id))
        elif s.what == "new":
            possession[s.id] = s.counter
        elif s.what == "sleeper":
            need(not own_request or s.seq == len(state.heads) - 1, "stale")
            consents.append(("sleeper", 0))
        elif s.role.kind == CONSENT and own_request:
            service = True
        else:
            desk = s.role.kind == DESK and (intent.over == PHONE or intent.kind == GIVE_UP)
            need(desk or s.role.kind == EMERGENCY and lifts_legal(intent, subject), "role")
            consents.append((s.role.kind, s.role.office))
    need(consents or service or possession and not own_request, "missing")
    return consents, possession


def backing(state, consents, time):
    """What consents amount to at a time: places, enough people, desks, the sleeping card; which factors."""
    factors = [state.factors[i] for what, i in consents if what == "factor"]
    factors = [f for f in factors if may_consent(f) and mature(f, time)]
    places = [f.record.place for f in factors]
    desks = len({i for what, i in consents if what == DESK})
    return types.SimpleNamespace(phone=PHONE in places, elsewhere=ELSEWHERE in places,
                                 people=0 < state.needed <= places.count(PEOPLE), desks=desks >= 2,
                                 sleeper=("sleeper", 0) in consents, factors=factors)


def class_of(b, over):
    """Class and, for X, its own wait."""
    both, either = b.phone and b.elsewhere, b.phone or b.elsewhere
    if over == 0:
        return ("A", None) if both else ("B", None) if either else ("C", None) if b.people else None
    if over == PHONE and b.elsewhere and b.desks and not b.people:
        return "X", 7 * DAY
    if over in (PHONE, ELSEWHERE):
        own = b.elsewhere if over == PHONE else b.phone
        return ("X", 72 * HOUR) if own and b.people else None
    return ("X", 72 * HOUR) if over == PEOPLE and both or over == OPERATOR and either else None


def check_intent(state, intent, subject):
    """Whether an intent is about what is there (§7.1)."""
    cards = [card for card, _ in state.slots.values()]
    current, dormant = state.slots.get(0 if intent.kind == WAKE else intent.slot, (None, True))
    if intent.kind in (CHANGE, REMOVE_CARD, NEW_K, WAKE):
        need(current and card_id(current) == intent.origin, "intent")
        need(not dormant or intent.kind == REMOVE_CARD, "intent")
    if intent.kind in (CHANGE, FURTHER):
        others = cards + ([state.reserve] if state.reserve and state.reserve != subject else [])
        need(all(c.imsi != subject.imsi and c.key_commit != subject.key_commit for c in others), "intent")
    if intent.kind == FURTHER:
        need(intent.slot >= 1 and intent.slot not in state.slots, "intent")
    elif intent.kind == REMOVE_CARD:
        need(intent.slot >= 1, "intent")
    elif intent.kind == LIFT:
        need(subject and (LEGAL not in subject or len(subject) == 1), "intent")
        need(all(held(state, bit) for bit in subject), "intent")
    elif intent.kind == ADD_FACTOR:
        need(factor_id(subject) not in state.factors and subject.purpose != 5, "intent")
        need(len(state.factors) < 16, "limit")
    elif intent.kind == REMOVE_FACTOR:
        need(subject[0] in state.factors and state.factors[subject[0]].record.place != PEOPLE, "intent")
        need(kept_places(state, subject) & {PHONE, ELSEWHERE}, "intent")
    elif intent.kind == TRUST:
        check_people(state, subject.needed, subject.factors)
    elif intent.kind == TRANSFER:
        need(whole_set(subject) and not set(map(factor_id, subject)) & set(state.factors), "intent")
    elif intent.kind == GIVE_UP:
        need(intent.over == 0, "intent")
    elif intent.kind == NEW_K:
        need(subject[1:4] == current[1:4], "intent")  # ICCID, IMSI and EID
        others = cards + ([state.reserve] if state.reserve else [])
        need(all(c.key_commit != subject.key_commit for c in others), "intent")
    elif intent.kind == TENURE:
        need(subject != [state.tenure], "intent")
    elif intent.kind == WAKE:
        need(state.slots.get(intent.slot) == (subject, True), "intent")


def check_people(state, needed, factors):
    named = set(map(factor_id, factors))
    there = {i for i, f in state.factors.items() if f.record.place == PEOPLE}
    need(2 <= needed <= len(factors) if factors else needed == 0, "intent")
    need(all(f.purpose == 5 for f in factors) and len(named) == len(factors), "intent")
    need(not named & (set(state.factors) - there), "intent")
    need(all(state.factors[factor_id(f)].record == f for f in factors if factor_id(f) in there), "intent")
    need(named != there or needed != state.needed, "intent")
    need(len(state.factors) - len(there) + len(named) <= 16, "limit")


def rank_of(b, intent):
    """How strong event 1's own consents are: what is live is displaced by more only."""
    over = intent.over and b.elsewhere and class_of(b, intent.over)
    ranks = [(0, intent.kind == GIVE_UP), (6, over), (5, b.phone and b.elsewhere), (4, b.elsewhere),
             (3, b.phone), (2, b.people), (1, True)]
    return next(rank for rank, reached in ranks if reached)


def requested(state, seq, head, body, subject, signers):
    intent = body.intent
    need(intent.number == state.number, "intent")
    need(0 < intent.expiry - intent.not_before <= 30 * DAY, "intent")
    check_intent(state, intent, subject)
    consents, possession = agree(state, signers, intent, subject, True)
    forbid(state, intent, subject)
    phone_alone = consents and all(w == "factor" and state.factors[i].record.place == PHONE for w, i in consents)
    need(not (phone_alone and suspended_against_phone(state, intent.over)), "held")
    rank = rank_of(backing(state, consents, state.proved), intent)
    need(state.live is None or state.live.rank < rank, "rank")
    state.live = types.SimpleNamespace(head=head, intent=intent, subject=subject, rank=rank, notified=None,
                                       consents={who: seq for who in consents}, possession=possession)


def consented(state, seq, head, body, subject, signers):
    need(body.intent == state.live.intent, "other-intent")
    consents, possession = agree(state, signers, body.intent, subject, False)
    state.live.consents.update({who: seq for who in consents})
    state.live.possession.update(possession)


def notified(state, seq, head, body, subject, signers):
    state.live.notified = state.live.notified or seq


def ended(state, seq, head, body, subject, signers):
    state.live = None


def place_of_objector(signer):
    need(signer.what in ("factor", "role"), "role")
    if signer.what == "factor":
        need(not signer.factor.mute_objection, "silenced")
        return signer.factor.record.place
    need(signer.role.kind != ISSUER, "role")
    return OPERATOR


def vetoed(state, seq, head, body, subject, signers):
    need(len(signers) == 1, "role")
    place, s = place_of_objector(signers[0]), signers[0]
    need(s.factor.record.purpose != 2 if s.factor else s.role.kind != EMERGENCY, "role")
    need(place != state.live.intent.over, "overridden")
    state.live, state.objected[place] = None, seq


def held_event(state, seq, head, body, subject, signers):
    need(body.bits or body.silenced, "missing")
    places = [(s, place_of_objector(s)) for s in signers] if not body.silenced else []
    if body.silenced:
        need(all(s.what == "factor" for s in signers), "silencing")
        not_before_objection(state, signers, 0)
        need(all(may_consent(s.factor) and s.fresh and mature(s.factor, state.proved) for s in signers), "silencing")
        places = [(s, place_of_objector(s)) for s in signers]
        signed = {place for _, place in places}
        for target, what in body.silenced:
            need(signed <= {PHONE, ELSEWHERE} and ELSEWHERE in signed and (what == 1 or PHONE in signed), "silencing")
            need(target in state.factors and (what == 2 or state.factors[target].record.place == PHONE), "silencing")
            setattr(state.factors[target], "mute_consent" if what == 1 else "mute_objection", True)
    need(len(signers) == 1 or body.silenced, "role")
    for s, _ in places:
        need(s.factor or s.role.kind != CONSENT, "role")
        need(LEGAL not in body.bits or s.role and s.role.kind == EMERGENCY, "role")
    need(all(s.seq >= state.lifted[bit] for s in signers for bit in body.bits), "stale")
    against = {SERVICE, LEGAL, own_bit(state.live.intent.kind)} if state.live else set()
    ends = [place for _, place in places if against & set(body.bits) and state.live.intent.over != place]
    new = any(place not in state.holds[bit] for _, place in places for bit in body.bits)
    need(body.silenced or new or ends, "missing")
    for s, place in places:
        for bit in body.bits:
            state.holds[bit].add(place)
        if place in ends:
            state.live = None
        state.objected[place] = seq


def watched(state, seq, head, body, subject, signers):
    need([s.what for s in signers] == ["factor"], "role" if signers else "missing")
    s, place = signers[0], signers[0].factor.record.place
    need(place in (PHONE, ELSEWHERE) and s.factor.record.purpose != 2, "role")
    need(not s.factor.mute_consent, "silenced")
    need(not s.factor.spent, "spent")
    need(s.fresh, "counter")
    need(mature(s.factor, state.proved), "immature")
    not_before_objection(state, signers, 0)
    need(not held(state, SERVICE) or place != PHONE, "held")
    need(body.watch_key not in [key for _, key in state.watch_keys], "watch-key")
    need(len(state.watch_keys) < 32, "limit")
    state.watch_keys.append((seq + 1, body.watch_key))  # this event's own tag is still by the key before


def observed(state, seq, head, body, subject, signers):
    """It is on record; nothing follows from it."""


RULES = {1: requested, 2: consented, 3: notified, 4: vetoed, 5: ended, 6: held_event, 8: watched,
         10: observed}


def delays(manifest):
    return {(kind, number): seconds for kind, number, seconds in reversed(manifest.delays)}


def looser(old, new):
    """Whether a manifest gives anybody more than the one before it, or takes a page away."""
    roles = {(r.kind, r.suite, r.key, r.office): r for r in old.roles}
    for r in new.roles:
        was = roles.get((r.kind, r.suite, r.key, r.office))
        if was is None or r.since < was.since or was.until and not 0 < r.until <= was.until:
            return True
    before, after = delays(old), delays(new)
    if any(key not in after or after[key] < seconds for key, seconds in before.items()):
        return True
    if old.env == 0 and set(after) - set(before):
        return True
    return any(getattr(old, what) != getattr(new, what)
               for what in ("operator", "sites", "log_policy", "roll_scheme", "roll_digest"))


def adopt(old, policy, known, state, body):
    """Moves a deed to a later manifest: at once if it is stricter, after 30 witnessed days if not."""
    new = known.manifest
    need(new.number > old.number and new.env == old.env, "adoption")
    if looser(old, new):
        early = check_tlog_proof(policy, body.early, known.leaf)
        late = check_tlog_proof(policy, body.late, known.leaf)
        need(early.index == late.index, "log")
        need(late.still - early.by >= 30 * DAY, "adoption")
        state.proved = max(state.proved, late.still)
    else:
        need(body.early == body.late == b"", "adoption")
    state.manifest = body.manifest
    if state.live:  # roles agree anew
        state.live.consents = {who: at for who, at in state.live.consents.items() if who[0] in ("factor", "sleeper")}


def commit(manifest, policy, state, seq, body, service):
    live = state.live
    intent, subject = live.intent, live.subject
    need(live.notified is not None and live.notified <= body.start_seq, "not-notified")
    leaf = event_leaf(state, body.start_seq)
    early, late = check_tlog_proof(policy, body.early, leaf), check_tlog_proof(policy, body.late, leaf)
    need(early.index == late.index, "log")
    ready = late.still
    need(service.since <= ready and (service.until == 0 or ready <= service.until), "role")
    forbid(state, intent, subject)
    consents = [who for who, at in live.consents.items() if at <= body.start_seq]
    b = backing(state, consents, early.still)
    need(not (lifts_legal(intent, subject) or intent.kind == GIVE_UP) or body.origin == b"", "log")
    if lifts_legal(intent, subject):
        need(len({office for what, office in consents if what == EMERGENCY}) >= 2, "class")
        wait = HOUR
    else:
        probation = in_probation(policy, state, body, early)
        wait = wait_of(manifest, state, live, b, probation)
    need(ready - early.by >= wait and ready >= early.by, "wait")
    need(intent.not_before <= ready <= intent.expiry, "window")
    if intent.kind == PORT_OUT:
        need(state.moved is None or ready >= state.moved + 7 * DAY, "wait")
    take_effect(state, seq, live, b, ready)
    state.live, state.proved = None, max(state.proved, ready)


def in_probation(policy, state, body, early):
    """Whether the two places of a ported or claimed number still count as one."""
    need(body.origin == b"" or state.source != 1, "log")
    if not body.origin:
        return state.source != 1
    return early.still < check_tlog_proof(policy, body.origin, event_leaf(state, 1)).by + 30 * DAY


def spends(intent, subject):
    """Whether a change uses up the sheets that it counts: not resuming, not waking."""
    return intent.kind != WAKE and not (intent.kind == LIFT and list(subject) in ([SERVICE], [LEGAL]))


def used_up(b):
    return {factor_id(f.record) for f in b.factors if f.record.suite == 4}


FLOOR = {kind: {"A": 15 * MINUTE, "B": DAY, "C": 3 * DAY} for kind in (CHANGE, FURTHER, ADD_FACTOR, NEW_K)}
FLOOR |= {kind: {"A": DAY, "B": 7 * DAY} for kind in (REMOVE_CARD, REMOVE_FACTOR, TRUST, TRANSFER, TENURE)}
FLOOR |= {LIFT: {"A": 15 * MINUTE, "B": HOUR}, PORT_OUT: {"A": HOUR, "B": DAY, "C": 3 * DAY},
          WAKE: {"A": 15 * MINUTE, "B": DAY}}


def floor_of(state, live, b, name):
    kind = live.intent.kind
    need(name in FLOOR[kind], "class")  # where a floor is missing, that class does not carry the kind
    if (kind, name) == (LIFT, "B") and SERVICE in live.subject:
        return 72 * HOUR
    if (kind, name) == (WAKE, "B") and held(state, SERVICE) and b.sleeper and not b.phone:
        return 15 * MINUTE
    return FLOOR[kind][name]


def at_once(state, live, b):
    """Whether an owner takes away a key of his own, by its own signature, and keeps one in each place."""
    if live.intent.kind != REMOVE_FACTOR or live.intent.over:
        return False
    gone, = live.subject
    own = gone in {factor_id(f.record) for f in b.factors}
    return own and {PHONE, ELSEWHERE} <= kept_places(state, {gone} | used_up(b))


def wait_of(manifest, state, live, b, probation):
    """How long the request must wait, if its counted consents reach a class at all."""
    intent = live.intent
    if intent.kind == GIVE_UP:
        need(b.desks, "class")
        return longer(manifest, intent.kind, "X", 90 * DAY)
    stronger = b.elsewhere or b.people
    need(stronger or not suspended_against_phone(state, intent.over), "held")
    new = set(map(factor_id, named_factors(intent.kind, live.subject))) - set(state.factors)
    need(new <= set(live.possession), "missing")
    if intent.kind == REMOVE_FACTOR:
        need(kept_places(state, {*live.subject} | used_up(b)) & {PHONE, ELSEWHERE}, "intent")
    if probation and b.phone:
        b.elsewhere = False
    reached = class_of(b, intent.over)
    need(reached, "class")
    name, own = reached
    if at_once(state, live, b):
        return 0
    if name != "X":
        return longer(manifest, intent.kind, name, floor_of(state, live, b, name))
    base = class_of(b, 0)[0]
    without = floor_of(state, live, b, base)
    if held(state, SERVICE) and not (b.elsewhere or b.people):
        own = max(own, 7 * DAY)
    return max(longer(manifest, intent.kind, "X", max(own, without)), longer(manifest, intent.kind, base, without))


def longer(manifest, kind, name, floor):
    """The manifest's delay where it is longer than the floor; in a test deployment wherever there is one."""
    own = delays(manifest).get((kind, "_ABCX".index(name)))
    return floor if own is None else max(own, floor) if manifest.env == 1 else own


def take_effect(state, seq, live, b, ready):
    intent, subject = live.intent, live.subject
    for i in used_up(b) if spends(intent, subject) else ():
        state.factors[i].spent = True
    if intent.kind in (CHANGE, NEW_K, WAKE):
        slot = 0 if intent.kind == WAKE else intent.slot
        old, _ = state.slots[slot]
        if intent.kind == WAKE:
            del state.slots[intent.slot]
            if (b.sleeper or class_of(b, intent.over)[0] == "A") and state.holds[SERVICE]:
                state.holds[SERVICE], state.lifted[SERVICE] = set(), seq
        state.slots[slot] = (subject, False)
        if intent.kind != NEW_K:
            state.reserve = None if intent.flags & 1 else old
        state.moved = max(state.moved or 0, ready)
    elif intent.kind == FURTHER:
        state.slots[intent.slot] = (subject, intent.flags == 2)
    elif intent.kind == REMOVE_CARD:
        del state.slots[intent.slot]
    elif intent.kind == LIFT:
        for bit in subject:
            state.holds[bit], state.lifted[bit] = set(), seq
    elif intent.kind == REMOVE_FACTOR:
        del state.factors[subject[0]]
    elif intent.kind == TENURE:
        state.tenure, = subject
    state.closed = intent.kind in (PORT_OUT, GIVE_UP)
    change_factors(state, seq, live)


def change_factors(state, seq, live):
    """Kinds 5, 7 and 9: those who are not named again go, those who are new come."""
    kind = live.intent.kind
    named = {factor_id(f): f for f in named_factors(kind, live.subject)}
    leaving = {TRUST: (PEOPLE,), TRANSFER: (PHONE, ELSEWHERE, PEOPLE)}.get(kind, ())
    for i in [i for i, f in state.factors.items() if f.record.place in leaving and i not in named]:
        del state.factors[i]
    for i in [i for i in named if i not in state.factors]:
        state.factors[i] = new_factor(named[i], live.intent.expiry, live.possession[i], seq)
    if kind in (TRUST, TRANSFER):
        state.needed = live.subject.needed if kind == TRUST else 0


# -- The vectors -------------------------------------------------------------------------------------------------------

Known = namedtuple("Known", "manifest policy leaf")


def read_manifests(data, root_digest):
    """The chain of signed manifests, from the root whose digest is known."""
    manifests, expected, prev = {}, root_digest, ZEROS
    for raw, root, signature in fit(decode_items(data), Some([bytes, 32, 64], 23)):
        need(sha256(root) == expected, "root")
        need(signed_ed25519(root, b"simward.deed.manifest.1\0" + raw, signature), "root")
        m = fit(decode(raw), MANIFEST)
        need(all(len(r.key) == {2: 65, 3: 32}[r.suite] for r in m.roles), "encoding")
        need(len({(r.kind, r.suite, r.key) for r in m.roles}) == len(m.roles), "limit")
        need(m.prev == prev and m.number == len(manifests) + 1, "root")
        prev, expected = H("manifest", raw), m.next_root
        leaf = b"\1" + H("root", root_digest + m.number.to_bytes(8, "big")) + prev
        manifests[prev] = Known(m, Policy(m.log_policy), leaf)
    return manifests


def summary(state):
    return {
        "number": state.number, "deed_id": state.deed_id.hex(), "seq": len(state.heads) - 1,
        "head": state.heads[-1].hex(), "card_id": card_id(state.slots[0][0]).hex(),
        "holds": [bit for bit in range(9) if held(state, bit)], "live": state.live and state.live.head.hex(),
    }


def mutants(data):
    """Every seventh byte with one bit turned, each with its place; then a byte more, a byte less, a longer head."""
    for i in range(0, len(data), 7):
        yield i, data[:i] + bytes([data[i] ^ 1 << i // 7 % 8]) + data[i + 1:]
    yield -1, data + b"\0"
    yield -1, data[:-1]
    yield -1, data[:1] + b"\x18\x01" + data[2:]  # the format's 1 in two bytes
    yield -1, b"\x9f" + data[1:] + b"\xff"  # an array of indefinite length


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("deed-1.json")
    vectors = json.loads(pathlib.Path(path).read_text())
    assert vectors["format"] == 1
    manifests = read_manifests(bytes.fromhex(vectors["manifests"]), bytes.fromhex(vectors["root_digest"]))
    events = {name: bytes.fromhex(data) for name, data in vectors["events"].items()}
    known = {(): None}  # states by the names of the events that lead there
    passed, wrong, reasons, refusals, changed = 0, [], 0, 0, 0

    def run(names):
        """The state after these events, or the first that is refused, and why."""
        for n in range(len(names)):
            if names[:n + 1] not in known:
                try:
                    known[names[:n + 1]] = step(manifests, known[names[:n]], events[names[n]])
                except Refused as refused:
                    return None, n, str(refused)
        return known[names], None, None

    first = CARD.make(1, "8986001200000000017", "460001234567890", "", bytes(range(32)), b"")
    for what, ours, theirs in [
        ("the first card", card_id(first).hex(), "9d0473c013944fa5ee1040eeae4cc0bd784e6c58fd1540ed7e22cdd354772dd4"),
        ("the first tag", tag(ZEROS, 8).hex(), "9ec9d9180177992f7c10c3c0e386943431433d38fe2735cf9a8376febf574243"),
    ]:
        passed += ours == theirs
        wrong += [f"{what}: {ours}, not {theirs}"] * (ours != theirs)

    for number, case in enumerate(vectors["cases"]):
        where = f"case {number} ({case['scenario']})"
        names = tuple(case["events"])
        state, at, reason = run(names)
        if state is None:
            ours, theirs = f"refused at {at} ({reason})", f"refused at {case.get('at')} ({case.get('reason')})"
            good = not case["accept"] and at == case["at"]
            refusals += not case["accept"]
            reasons += good and reason == case["reason"]
            if case["accept"]:
                theirs = "accepted"
        else:
            ours, theirs = summary(state), case.get("state", f"refused at {case.get('at')} ({case.get('reason')})")
            good = ours == theirs
        passed += good
        wrong += [f"{where}: here {ours}; there {theirs}"] * (not good)
        if state is None or not good:
            continue
        # Nothing but the salt may change, and that makes another head.
        before, data = known[names[:-1]], events[names[-1]]
        salt = 71 + len(encode(len(names) - 1))  # it follows 1, deed id, seq and prev
        survivors = []
        for i, mutant in mutants(data):
            changed += 1
            try:
                after = step(manifests, before, mutant)
                if not salt <= i < salt + 16 or after.heads[-1] == state.heads[-1]:
                    survivors.append(i)
            except Refused:
                pass
        passed += not survivors
        wrong += [f"{where}: still accepted with its last event changed at {survivors}"] * bool(survivors)

    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{changed} changed events tried; of {refusals} refusals {reasons} have the same reason")
    print(f"{passed} passed, {len(wrong)} failed, 0 skipped")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
