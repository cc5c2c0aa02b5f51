// Deeds as the owner's side needs them: following a history from a receipt, showing an intent, signing a statement
// (docs/deed.md §§3, 4 and 12). Rules and the log are checked by `simward verify`; this page checks that what it shows
// belongs to the deed the owner was given, event by event.

import { Raw, ascii, concat, decode, encode, equal, hex, hmac, sha256 } from "./bytes.js";

const labelled = (label, bytes) => sha256(ascii(label), Uint8Array.of(0), bytes);

export const ISSUED = 0;
export const REQUESTED = 1;
export const CONSENTED = 2;
export const VETOED = 4;
export const ENDED = 5;
export const HELD = 6;
export const COMMITTED = 7;

/** Name of a factor: over suite, key and relying party. */
export const factorId = (factor) => labelled("simward.deed.factor.1", encode([factor[2], factor[3], factor[4]]));

/** Name of a card. */
export const cardId = (card) => labelled("simward.deed.card.1", card);

/** What is signed: the statement under its label. */
export const message = (deedId, asOf, type, body) =>
  concat(
    ascii("simward.deed.statement.1"),
    Uint8Array.of(0),
    encode([1, deedId, [asOf.seq, asOf.head], type, new Raw(body)]),
  );

/** A proof, as the node takes it. */
export const proof = (signer, asOf, evidence) => encode([signer, asOf.seq, asOf.head, evidence]);

/** The token by which whoever has the watch key reads the number. */
export const readerToken = async (watchKey) => hex(await hmac(watchKey, ascii("simward.reader.1")));

/**
 * Follows a history from the receipt: event 0 must be the deed's, each event must name the one before, and the event the
 * receipt remembers must be among them. What lives now is read from those very events.
 */
export const follow = async (history, receipt) => {
  const [, , , events] = decode(history);
  let [seq, previous, live, number, tenure, closed] = [0, new Uint8Array(32), null, null, null, null];
  let [cards, factors] = [[], new Map()];
  const heads = [];
  for (const [bytes] of events) {
    const event = decode(bytes);
    if (!Array.isArray(event) || event.length !== 8) throw new Error("an event that is none");
    const [format, deedId, place, before, , type, body, proofs] = event;
    const head = await labelled("simward.deed.event.1", bytes);
    const mine = seq === 0 ? equal(head, receipt.deedId) : equal(deedId, receipt.deedId);
    if (format !== 1 || !mine || place !== seq || !equal(before, previous) || closed) {
      throw new Error("this history is not the one your receipt began");
    }
    if (type === ISSUED) {
      [number, tenure, cards] = [body[1], body[5], body[7].map(([slot, card]) => ({ slot, card }))];
      factors = await named(body[8]);
    }
    if (type === REQUESTED) live = { head, intent: body, seq };
    if ([VETOED, ENDED].includes(type)) live = null;
    if (type === HELD && live && ends(live.intent, body[0], proofs, factors)) live = null;
    if (type === COMMITTED) {
      if (!live || !equal(body[0], live.head)) throw new Error("a change that nobody asked for");
      ({ cards, factors, tenure, closed } = await after({ cards, factors, tenure }, live.intent));
      live = null;
    }
    heads.push(head);
    previous = head;
    seq += 1;
  }
  if (!heads[receipt.seq] || !equal(heads[receipt.seq], receipt.head)) {
    throw new Error("the node shows an older or another history than the one you have seen");
  }
  return { number, cards, factors, tenure, closed, live, seq: seq - 1, head: previous };
};

/** Event 0 of a history: the deed's name, and the bytes that were signed. Nobody has compared them yet. */
export const first = async (history) => {
  const [, , , events] = decode(history);
  const [bytes] = events[0];
  const [, , , , , type, body] = decode(bytes);
  return { deedId: await labelled("simward.deed.event.1", bytes), type, body: encode(body) };
};

export const [MOVE, ADD, REMOVE_CARD, CLEAR, ADD_FACTOR, REMOVE_FACTOR] = [1, 2, 3, 4, 5, 6];
export const [TRUST, PORT_OUT, TRANSFER, GIVE_UP, NEW_KEY, TENURE, WAKE] = [7, 8, 9, 10, 11, 12, 13];
const [PHONE, ELSEWHERE, PEOPLE, OPERATOR] = [1, 2, 3, 4];
const [SUSPENDED, BY_ORDER] = [7, 8];

/** The bit that forbids a kind, beside the two that forbid all. */
const FORBIDS = { [MOVE]: 0, [NEW_KEY]: 0, [WAKE]: 0, [PORT_OUT]: 1, [ADD]: 2 };

/** Whether a hold ends a request: its bits forbid the kind, and its place is not the one that the request overrides. */
const ends = ([kind, , , , , , , over], bits, proofs, factors) =>
  bits.some((bit) => bit === SUSPENDED || bit === BY_ORDER || bit === FORBIDS[kind]) &&
  proofs.some(([signer]) => (factors.get(hex(signer))?.[1] ?? OPERATOR) !== over);

/** Factors by their names. */
const named = async (factors) =>
  new Map(await Promise.all(factors.map(async (factor) => [hex(await factorId(factor)), factor])));

/** The factors that an intent names in full. */
const names = (kind, subject) => {
  if (kind === ADD_FACTOR) return [decode(subject)];
  if (kind === TRUST) return decode(subject)[1];
  return kind === TRANSFER ? decode(subject) : [];
};

/** What there is after a change. */
const after = async ({ cards, factors, tenure }, [kind, , slot, , subject]) => {
  const others = (n) => cards.filter((card) => card.slot !== n);
  const come = await named(names(kind, subject));
  const without = (leaves) => [...factors].filter(([id, factor]) => !leaves(id, factor));
  const now = { cards, factors, tenure, closed: kind === PORT_OUT || kind === GIVE_UP ? kind : null };
  if (kind === MOVE || kind === NEW_KEY) now.cards = [...others(slot), { slot, card: decode(subject) }];
  if (kind === WAKE) now.cards = [...others(slot).filter((one) => one.slot !== 0), { slot: 0, card: decode(subject) }];
  if (kind === ADD) now.cards = [...cards, { slot, card: decode(subject) }];
  if (kind === REMOVE_CARD) now.cards = others(slot);
  if (kind === ADD_FACTOR) now.factors = new Map([...factors, ...come]);
  if (kind === REMOVE_FACTOR) now.factors = new Map(without((id) => id === hex(decode(subject)[0])));
  // Whoever is named again stays as he was.
  const unnamed = (id, factor) => factor[1] === PEOPLE && !come.has(id);
  if (kind === TRUST) now.factors = new Map([...come, ...without(unnamed)]);
  if (kind === TRANSFER) now.factors = come;
  if (kind === TENURE) [now.tenure] = decode(subject);
  return now;
};

// -- Showing: what is not understood in full is not shown, and so not signed -----------------------------------------

const must = (good, why) => {
  if (!good) throw new Error(why);
};

const octets = (value, ...lengths) => value instanceof Uint8Array && lengths.includes(value.length);
const among = (n, ...known) => known.includes(n);
const exactly = (value, length) => Array.isArray(value) && value.length === length;

const isCard = (card) =>
  exactly(card, 6) && card[0] === 1 && /^\d{18,20}$/.test(card[1]) && /^\d{14,15}$/.test(card[2]) &&
  /^(\d{32})?$/.test(card[3]) && octets(card[4], 32) && octets(card[5], 0, 65);

const PLACES = { 1: [PHONE, ELSEWHERE], 2: [PHONE, ELSEWHERE], 3: [ELSEWHERE], 4: [PHONE], 5: [PEOPLE] };

const LENGTHS = { 1: 65, 2: 65, 3: 32, 4: 32 };

const isFactor = (factor) =>
  exactly(factor, 8) && among(factor[1], ...(PLACES[factor[0]] ?? [])) && octets(factor[3], LENGTHS[factor[2]]);

const rises = (bit, i, bits) => Number.isInteger(bit) && bit <= 8 && (i === 0 || bit > bits[i - 1]);
const areBits = (bits) => Array.isArray(bits) && bits.length > 0 && bits.every(rises);

/** What each kind's subject says, by what it is called here; false where it says something else. */
const SUBJECTS = {
  [MOVE]: (card) => isCard(card) && { card },
  [ADD]: (card) => isCard(card) && { card },
  [CLEAR]: (bits) => areBits(bits) && { bits },
  [ADD_FACTOR]: (factor) => isFactor(factor) && factor[0] !== 5 && { factors: [factor] },
  [REMOVE_FACTOR]: (ids) => exactly(ids, 1) && octets(ids[0], 32) && { gone: ids[0] },
  [TRUST]: (people) =>
    exactly(people, 2) && Array.isArray(people[1]) && people[1].every((one) => isFactor(one) && one[0] === 5) &&
    (people[1].length === 0 ? people[0] === 0 : people[0] >= 2 && people[0] <= people[1].length) &&
    { needed: people[0], factors: people[1] },
  [PORT_OUT]: (to) =>
    exactly(to, 2) && typeof to[0] === "string" && to[0] !== "" && octets(to[1], 32) && { recipient: to[0], code: to[1] },
  [TRANSFER]: (factors) =>
    Array.isArray(factors) && factors.length > 0 && factors.every((one) => isFactor(one) && one[0] !== 5) && { factors },
  [NEW_KEY]: (card) => isCard(card) && { card },
  [TENURE]: (tenure) => exactly(tenure, 1) && among(tenure[0], 1, 2, 3) && { tenure: tenure[0] },
  [WAKE]: (card) => isCard(card) && { card },
};

const NO_SUBJECT = [REMOVE_CARD, GIVE_UP];
const FLAGS = { [MOVE]: [0, 1], [WAKE]: [0, 1], [ADD]: [0, 2] };
const SLOTS = [0, 1, 2, 3, 4, 5, 6, 7];
const OF_A_SLOT = [MOVE, ADD, REMOVE_CARD, NEW_KEY, WAKE];

/** The card now, as the history has it: it must be the card that the signed bytes name in `from`. */
const cardBefore = async (kind, slot, from, cards) => {
  if (![MOVE, REMOVE_CARD, NEW_KEY, WAKE].includes(kind)) {
    must(from.length === 0, "the request names a card, and its kind has none");
    return null;
  }
  const old = cards.find((card) => card.slot === (kind === WAKE ? 0 : slot))?.card;
  must(old && equal(await cardId(encode(old)), from), "the request names another card than the number is on");
  return old;
};

/** An intent in plain parts, each read from the bytes that will be signed; `now` is what follow() returned. */
export const describe = async (intent, now) => {
  must(exactly(intent, 9), "a request of another form");
  const [kind, number, slot, from, subject, notBefore, expiry, over, flags] = intent;
  must(SUBJECTS[kind] || NO_SUBJECT.includes(kind), "a request of a kind that this page does not know");
  must(among(flags, ...(FLAGS[kind] ?? [0])), "a request with a flag that this page does not know");
  must(among(over, 0, PHONE, ELSEWHERE, PEOPLE, OPERATOR), "a request over a place that there is not");
  must(number === now.number, "a request for another number");
  must(among(slot, ...(OF_A_SLOT.includes(kind) ? SLOTS : [0])), "a request for a slot that there is not");
  must([notBefore, expiry].every(Number.isInteger), "a request without its times");
  const says = NO_SUBJECT.includes(kind) ? subject.length === 0 && {} : SUBJECTS[kind](decode(subject));
  must(says, "a request whose subject this page does not understand");
  const old = await cardBefore(kind, slot, from, now.cards);
  if (kind === NEW_KEY) {
    must([1, 2, 3].every((i) => says.card[i] === old[i]), "the request for a new key names another card");
  }
  if (kind === WAKE) {
    const asleep = now.cards.find((card) => card.slot === slot)?.card;
    must(slot > 0 && asleep && equal(encode(asleep), subject), "the request names another card than the one asleep");
  }
  if (kind === REMOVE_FACTOR) {
    says.goneFactor = now.factors.get(hex(says.gone));
    must(says.goneFactor, "the request takes away a key that the number does not have");
  }
  return { kind, number, slot, from, old, notBefore, expiry, over, flags, was: now.tenure, ...says };
};

/** Whether the owner's keys can agree to it: nobody's factor agrees to giving the number up, they only stop it. */
export const agreeable = ({ kind }) => kind !== GIVE_UP;
