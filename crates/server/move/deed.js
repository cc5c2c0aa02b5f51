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
  let [seq, previous, live, cards, number] = [0, new Uint8Array(32), null, [], null];
  const heads = [];
  for (const [bytes] of events) {
    const event = decode(bytes);
    if (!Array.isArray(event) || event.length !== 8) throw new Error("an event that is none");
    const [format, deedId, place, before, , type, body] = event;
    const head = await labelled("simward.deed.event.1", bytes);
    const mine = seq === 0 ? equal(head, receipt.deedId) : equal(deedId, receipt.deedId);
    if (format !== 1 || !mine || place !== seq || !equal(before, previous)) {
      throw new Error("this history is not the one your receipt began");
    }
    if (type === ISSUED) [number, cards] = [body[1], body[7].map(([slot, card]) => ({ slot, card }))];
    if (type === REQUESTED) live = { head, intent: body, seq };
    if ([VETOED, ENDED].includes(type)) live = null;
    if (type === HELD && live && ends(live.intent, body[0])) live = null;
    if (type === COMMITTED && live) {
      cards = after(cards, live.intent);
      live = null;
    }
    heads.push(head);
    previous = head;
    seq += 1;
  }
  if (!heads[receipt.seq] || !equal(heads[receipt.seq], receipt.head)) {
    throw new Error("the node shows an older or another history than the one you have seen");
  }
  return { number, cards, live, seq: seq - 1, head: previous };
};

/** Event 0 of a history: the deed's name, and the bytes that were signed. Nobody has compared them yet. */
export const first = async (history) => {
  const [, , , events] = decode(history);
  const [bytes] = events[0];
  const [, , , , , type, body] = decode(bytes);
  return { deedId: await labelled("simward.deed.event.1", bytes), type, body: encode(body) };
};

const [MOVE, ADD, CLEAR, ADD_FACTOR, WAKE] = [1, 2, 4, 5, 13];

const ends = ([kind], bits) => bits.includes(7) || bits.includes(8) || ([MOVE, WAKE].includes(kind) && bits.includes(0));

/** The cards after a change. */
const after = (cards, [kind, , slot, , subject]) => {
  const others = (n) => cards.filter((card) => card.slot !== n);
  if (kind === MOVE) return [...others(slot), { slot, card: decode(subject) }];
  if (kind === WAKE) return [...others(slot).filter((card) => card.slot !== 0), { slot: 0, card: decode(subject) }];
  if (kind === ADD) return [...cards, { slot, card: decode(subject) }];
  return cards;
};

/** An intent in plain parts, each read from the bytes that will be signed. */
export const describe = async ([kind, number, slot, from, subject, notBefore, expiry, over, flags], cards) => {
  const old = [MOVE, WAKE].includes(kind) ? cards.find((card) => card.slot === (kind === WAKE ? 0 : slot)) : null;
  const card = [MOVE, ADD, WAKE].includes(kind) ? decode(subject) : null;
  const bits = kind === CLEAR ? decode(subject) : null;
  const factor = kind === ADD_FACTOR ? decode(subject) : null;
  // The card now, as the history has it, must be the card that the signed bytes name.
  if ([MOVE, WAKE].includes(kind) && !(old && equal(await cardId(encode(old.card)), from))) {
    throw new Error("the request names another card than the number is on");
  }
  return { kind, number, slot, from, old: old?.card ?? null, card, bits, factor, notBefore, expiry, over, flags };
};
