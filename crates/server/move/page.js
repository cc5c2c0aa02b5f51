// The move page: make a number's keys, look at what is asked, agree, stop, suspend.

import { decode, encode, hex, random, unhex } from "./bytes.js";
import * as deed from "./deed.js";
import * as keys from "./keys.js";
import { WORDS, language, setLanguage } from "./words.js";

const RECEIPTS = "simward.receipts";
const main = document.getElementById("main");
let words = WORDS[language()];

// -- Elements: text only, never markup, so nothing that comes from a node is ever code -------------------------------

const el = (name, attributes = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
};

const show = (...children) => main.replaceChildren(...children);
const p = (text, kind) => el("p", { class: kind }, text);
const row = (...buttons) => el("div", { class: "row" }, ...buttons);
const list = (pairs) => el("dl", {}, ...pairs.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));

/** Something that happened, said aloud to whoever listens instead of looking. */
const say = (text, kind = "note") => {
  document.getElementById("said")?.remove();
  main.append(el("p", { id: "said", role: kind === "error" ? "alert" : "status", class: kind }, text));
  document.getElementById("said").scrollIntoView({ block: "nearest" });
};

/** Runs what a button does; while it runs the button waits, and what goes wrong is said. */
const button = (text, kind, action) =>
  el("button", {
    type: "button",
    class: kind,
    onclick: async ({ currentTarget }) => {
      currentTarget.disabled = true;
      document.getElementById("said")?.remove();
      try {
        await action();
      } catch (error) {
        say(`${words.failed}: ${error.name === "NotAllowedError" ? words.cancelled : error.message}`, "error");
      } finally {
        currentTarget.disabled = false;
      }
    },
  }, text);

// -- The node ---------------------------------------------------------------------------------------------------------

const ask = async (path, { token, body } = {}) => {
  const response = await fetch(path, {
    method: body ? "POST" : "GET",
    headers: { ...(token && { authorization: `Bearer ${token}` }), ...(body && { "content-type": "application/json" }) },
    body: body && JSON.stringify(body),
    redirect: "error",
  });
  if (!response.ok) {
    const { code, message } = await response.json().catch(() => ({ code: "http", message: `HTTP ${response.status}` }));
    throw Object.assign(new Error(message), { code });
  }
  return response;
};

const statement = (type, body, proofs) => ({ type, body: hex(body), proofs: proofs.map(hex) });

// -- Receipts: what this device remembers of its owner's numbers ------------------------------------------------------

const receipts = () => JSON.parse(localStorage.getItem(RECEIPTS) ?? "{}");

const keep = (receipt) => localStorage.setItem(RECEIPTS, JSON.stringify({ ...receipts(), [receipt.number]: receipt }));

const open = (kept) => ({
  number: kept.number,
  deedId: unhex(kept.deed_id),
  watchKey: unhex(kept.watch_key),
  seq: kept.seq,
  head: unhex(kept.head),
  credentialId: unhex(kept.credential_id),
  passkey: unhex(kept.passkey),
});

/** The history, followed from the receipt; the receipt then remembers the newest event. */
const follow = async (receipt) => {
  const token = await deed.readerToken(receipt.watchKey);
  const response = await ask(`/v1/numbers/${receipt.number}/history`, { token });
  const now = await deed.follow(new Uint8Array(await response.arrayBuffer()), receipt);
  keep({ ...receipts()[receipt.number], seq: now.seq, head: hex(now.head) });
  return { ...now, token };
};

// -- Making a number one's own ----------------------------------------------------------------------------------------

const PENDING = "simward.pending";

/** A number that was signed for is one's own once the node's history begins with the very bytes that were signed. */
const confirm = async (pending) => {
  const token = await deed.readerToken(unhex(pending.watch_key));
  const answer = await ask(`/v1/numbers/${pending.number}/history`, { token });
  const first = await deed.first(new Uint8Array(await answer.arrayBuffer()));
  if (first.type !== deed.ISSUED || hex(first.body) !== pending.body) throw new Error(words.otherDeed);
  const { body, ...kept } = pending;
  const receipt = { ...kept, deed_id: hex(first.deedId), seq: 0, head: hex(first.deedId) };
  keep(receipt);
  localStorage.removeItem(PENDING);
  return receipt;
};

const begin = async (code) => {
  const invitation = await (await ask(`/v1/invitations/${code}`)).json();
  const { number } = invitation;
  const made = {};
  const sheet = { move: keys.freshCode(), hold: keys.freshCode() };
  const half = (name, why, value) =>
    el("section", { class: "half" },
      el("h3", {}, name), el("p", { class: "code", "data-code": name === words.moveCode ? "move" : "hold" }, keys.grouped(value)),
      p(why));
  const last = el("input", { id: "last", type: "text", autocomplete: "off", spellcheck: "false", maxlength: "8" });
  const [, iccid, imsi] = decode(unhex(invitation.card));
  const third = el("section", { hidden: true }, el("h2", {}, words.stepSign), p(words.stepSignWhy),
    list([[words.fields.number, `+${number}`], [words.fields.first, `ICCID ${iccid}`], [words.fields.firstImsi, imsi]]),
    row(button(words.sign, "go", () => sign())));
  const second = el("section", { hidden: true },
    el("h2", {}, words.stepSheet), p(words.stepSheetWhy),
    el("div", { class: "card" }, el("p", {}, `Simward 守号 · +${number}`),
      half(words.moveCode, words.moveCodeWhy, sheet.move), half(words.holdCode, words.holdCodeWhy, sheet.hold)),
    row(button(words.print, "", () => print())),
    el("label", { for: "last" }, words.typeLast), last,
    row(button(words.goOn, "go", () => {
      const typed = last.value.toUpperCase().replace(/[\s-]/g, "");
      if (typed !== sheet.move.slice(-6)) throw new Error(words.wrongLast);
      third.hidden = false;
      third.scrollIntoView({ block: "nearest" });
    })));
  const sign = async () => {
    const [move, hold] = [await keys.paperKey(sheet.move), await keys.paperKey(sheet.hold)];
    const factors = [made.factor, await keys.sheetFactor(move), keys.holdFactor(hold)];
    const watchKey = random(32);
    const body = encode([
      unhex(invitation.manifest_id), number, 0, new Uint8Array(0), 1, 1, watchKey,
      [[0, decode(unhex(invitation.card))]], factors,
    ]);
    const nothing = { seq: 0, head: new Uint8Array(32) };
    const message = deed.message(new Uint8Array(32), nothing, deed.ISSUED, body);
    const evidence = [
      await keys.passkeyEvidence(made.credentialId, message),
      await keys.sheetEvidence(move, message),
      await keys.holdEvidence(hold, message),
    ];
    const proofs = await Promise.all(
      factors.map(async (factor, i) => deed.proof(await deed.factorId(factor), nothing, evidence[i])));
    const pending = {
      number, root_digest: invitation.root_digest, watch_key: hex(watchKey),
      credential_id: hex(made.credentialId), passkey: hex(encode(made.factor)), body: hex(body),
    };
    // Kept before it is sent: should the answer be lost, the number is still one's own.
    localStorage.setItem(PENDING, JSON.stringify(pending));
    await ask(`/v1/invitations/${code}`, { body: statement(deed.ISSUED, body, proofs) });
    const receipt = await confirm(pending);
    history.replaceState(null, "", location.pathname);
    done(receipt);
  };
  show(
    el("h1", {}, words.beginTitle(number)), p(words.beginWhy),
    el("h2", {}, words.stepPasskey), p(words.stepPasskeyWhy),
    row(button(words.makePasskey, "go", async () => {
      Object.assign(made, await keys.createPasskey(number));
      second.hidden = false;
      second.scrollIntoView({ block: "nearest" });
    })),
    second, third, invitation.test_deed ? p(words.test, "soft") : null,
  );
};

/** The receipt as the command line reads it. */
const asToml = ({ number, deed_id, root_digest, watch_key, seq, head }) =>
  [
    `number = "${number}"`, `deed_id = "${deed_id}"`, `root_digest = "${root_digest}"`, `watch_key = "${watch_key}"`,
    `seq = ${seq}`, `head = "${head}"`, "",
  ].join("\n");

const openPortal = (receipt) => async () => {
  const token = await deed.readerToken(unhex(receipt.watch_key));
  const { code } = await (await ask(`/v1/numbers/${receipt.number}/portal`, { token, body: {} })).json();
  const portal = location.origin.replace("//move.", "//my.");
  location.assign(`${portal}/begin#${code}`);
};

const done = (receipt) => {
  const file = new Blob([asToml(receipt)], { type: "text/plain" });
  const link = el("a", { href: URL.createObjectURL(file), download: `simward-${receipt.number}.toml`, class: "button" }, words.download);
  show(el("h1", {}, words.doneTitle(receipt.number)), p(words.doneWhy),
    row(link, button(words.openPortal, "go", openPortal(receipt))));
};

// -- Looking, agreeing, stopping --------------------------------------------------------------------------------------

const cardLine = (card) => `ICCID …${card[1].slice(-6)} · IMSI …${card[2].slice(-4)}`;
const time = (seconds) => new Date(seconds * 1000).toLocaleString(document.documentElement.lang);

/** A key in one line: the end of it, what kind it is, where it is. */
const keyLine = ([, place, suite, key]) =>
  `${hex(key).slice(-32)} · ${words.suites[suite] ?? suite} · ${words.places[place] ?? place}`;

const cardRows = (intent) => {
  const f = words.fields;
  const pairs = [];
  if (intent.kind === deed.REMOVE_CARD) pairs.push([f.goneCard, cardLine(intent.old)]);
  if ([deed.MOVE, deed.WAKE].includes(intent.kind)) pairs.push([f.old, cardLine(intent.old)]);
  if (intent.card) {
    const [, iccid, imsi, eid, commitment] = intent.card;
    const name = intent.kind === deed.NEW_KEY ? f.sameCard : f.card;
    pairs.push([name, `ICCID ${iccid}`], [f.imsi, imsi], [f.eid, eid || words.physical]);
    pairs.push([f.key, hex(commitment).slice(0, 16)]);
  }
  if (intent.kind === deed.NEW_KEY) pairs.push([f.oldKey, words.destroyed]);
  if ([deed.MOVE, deed.WAKE].includes(intent.kind)) pairs.push([f.lost, intent.flags & 1 ? words.lost : words.kept]);
  return pairs;
};

const keyRows = (intent) => {
  const f = words.fields;
  const pairs = [];
  if (intent.goneFactor) {
    const [purpose] = intent.goneFactor;
    pairs.push([f.goneFactor, keyLine(intent.goneFactor)], [f.could, words.can(purpose)]);
    pairs.push([f.goneId, hex(intent.gone).slice(0, 16)]);
  }
  if (intent.kind === deed.TRUST) pairs.push([f.people, words.people(intent.factors.length, intent.needed)]);
  for (const factor of intent.factors ?? []) {
    pairs.push([intent.kind === deed.TRUST ? f.person : f.factor, keyLine(factor)]);
    if (intent.kind !== deed.TRUST) pairs.push([f.can, words.can(factor[0])]);
  }
  return pairs;
};

const rows = (intent) => {
  const f = words.fields;
  const kind = intent.kind === deed.ADD && intent.flags === 2 ? words.dormant : words.kinds[intent.kind];
  const pairs = [[f.what, kind], [f.number, `+${intent.number}`], ...cardRows(intent), ...keyRows(intent)];
  if (intent.bits) pairs.push([f.bits, intent.bits.map((bit) => words.bit[bit]).join(" · ")]);
  if (intent.recipient) pairs.push([f.recipient, intent.recipient], [f.portCode, hex(intent.code).slice(0, 16)]);
  if (intent.tenure) pairs.push([f.tenureWas, words.tenures[intent.was]], [f.tenure, words.tenures[intent.tenure]]);
  if (words.afterwards[intent.kind]) pairs.push([f.afterwards, words.afterwards[intent.kind]]);
  if (intent.over) pairs.push([f.over, words.places[intent.over]]);
  return [...pairs, [f.until, time(intent.expiry)]];
};

const number = async (kept) => {
  const receipt = open(kept);
  const now = await follow(receipt);
  const view = await (await ask(`/v1/numbers/${receipt.number}`, { token: now.token })).json();
  const test = view.test_deed ? p(words.test, "soft") : null;
  const asOf = { seq: now.seq, head: now.head };
  const send = async (type, body, id, evidence) => {
    const proof = deed.proof(id, asOf, evidence);
    const path = `/v1/numbers/${receipt.number}/statements`;
    return (await ask(path, { body: statement(type, body, [proof]) })).json();
  };
  const withPasskey = async (type, body) => {
    const factor = decode(receipt.passkey);
    const message = deed.message(receipt.deedId, asOf, type, body);
    return send(type, body, await deed.factorId(factor), await keys.passkeyEvidence(receipt.credentialId, message));
  };
  const withSheet = async (type, body, code) => {
    const key = await keys.paperKey(code);
    const message = deed.message(receipt.deedId, asOf, type, body);
    const id = await deed.factorId(await keys.sheetFactor(key));
    return send(type, body, id, await keys.sheetEvidence(key, message));
  };
  const title = el("h1", {}, words.statusTitle(receipt.number));
  const toPortal = button(words.openPortal, "", openPortal(kept));
  if (now.closed) {
    show(title, p(words.closed[now.closed]), row(toPortal), test);
    return;
  }
  if (!now.live) {
    const slot0 = now.cards.find((card) => card.slot === 0);
    show(title, p(words.calm), el("div", { class: "card" }, p(cardLine(slot0.card))), row(toPortal), test);
    return;
  }
  const { head, intent } = now.live;
  const consent = encode([head, intent]);
  const typed = el("input", { id: "code", type: "text", autocomplete: "off", spellcheck: "false" });
  const agreed = async (said) => {
    await said;
    await number(receipts()[receipt.number]);
    say(words.approved);
  };
  // What the page does not understand it lets nobody sign; stopping it is always possible.
  const shown = await deed.describe(intent, now).catch((error) => error);
  const unknown = shown instanceof Error;
  show(title, el("h2", {}, words.pendingTitle), p(unknown ? words.notUnderstood : words.pendingWhy),
    el("div", { class: "card", id: "intent" }, unknown ? p(shown.message, "error") : list(rows(shown))),
    row(button(words.stop, "stop", async () => {
      const veto = encode([head, 1]);
      const changed = await withPasskey(deed.VETOED, veto);
      await number(receipts()[receipt.number]);
      say(changed.receipt?.in_time ? words.stopped : words.tooLate);
    })),
    ...(unknown || !deed.agreeable(shown) ? [] : [
      row(button(words.approve, "go", () => agreed(withPasskey(deed.CONSENTED, consent)))),
      el("label", { for: "code" }, words.code), typed,
      row(button(words.approveSheet, "", () => {
        const code = keys.readCode(typed.value);
        if (!code) throw new Error(words.badCode);
        typed.value = "";
        return agreed(withSheet(deed.CONSENTED, consent, code));
      })),
    ]),
    row(toPortal), test);
};

// -- Suspending from any browser --------------------------------------------------------------------------------------

const SUSPENDED = 7;

/** How long the suspension took, once there was one: the page may be asked for in the other language. */
let heldAfter;

const held = () => show(el("h1", {}, words.holdTitle), p(words.held(heldAfter)), p(words.heldNext));

const hold = () => {
  if (heldAfter !== undefined) {
    held();
    return;
  }
  const typed = el("input", { id: "hold", type: "text", autocomplete: "off", spellcheck: "false" });
  show(el("h1", {}, words.holdTitle), p(words.holdWhy), el("label", { for: "hold" }, words.holdField), typed,
    row(button(words.holdNow, "stop", async () => {
      const code = keys.readCode(typed.value);
      if (!code) throw new Error(words.badCode);
      typed.value = "";
      const started = performance.now();
      const key = await keys.paperKey(code);
      const id = await deed.factorId(keys.holdFactor(key));
      const known = await ask("/v1/tips", { body: { factor: hex(id) } }).catch((error) => {
        throw error.code === "no-number" ? new Error(words.unknownCode) : error;
      });
      const tip = await known.json();
      const [deedId, asOf] = [unhex(tip.deed_id), { seq: tip.seq, head: unhex(tip.head) }];
      const body = encode([[SUSPENDED], [], 1]);
      const message = deed.message(deedId, asOf, deed.HELD, body);
      const proof = [id, asOf.seq, asOf.head, await keys.holdEvidence(key, message)];
      const objection = encode([1, deedId, deed.HELD, decode(body), proof]);
      const receipt = await (await ask("/v1/objections", { body: { objection: hex(objection) } })).json();
      if (!receipt.in_time) throw new Error(words.notSuspended);
      heldAfter = Math.round(performance.now() - started);
      held();
    })));
};

// -- Which of them ----------------------------------------------------------------------------------------------------

const choose = async () => {
  document.documentElement.lang = words === WORDS.en ? "en" : "zh-CN";
  const other = document.getElementById("language");
  other.textContent = words.other;
  other.lang = words.otherTag;
  other.setAttribute("aria-label", words.other);
  document.getElementById("footer").replaceChildren(p(words.footer));
  const wanted = new URLSearchParams(location.hash.slice(1));
  const pending = JSON.parse(localStorage.getItem(PENDING) ?? "null");
  if (pending) {
    // Signed for before, and the answer was lost; if it never arrived, there is nothing to be confirmed.
    const confirmed = await confirm(pending).catch(() => null);
    if (confirmed) return done(confirmed);
  }
  const known = Object.values(receipts());
  try {
    if (wanted.has("begin")) await begin(wanted.get("begin"));
    else if (wanted.has("hold")) hold();
    else if (known.length > 0) await number(known.find((kept) => kept.number === wanted.get("number")) ?? known[0]);
    else {
      show(el("h1", {}, words.nothingHere), p(words.nothingHereWhy),
        row(button(words.toHold, "stop", () => location.assign("#hold"))));
    }
  } catch (error) {
    show(el("h1", {}, words.failed));
    say(error.message, "error");
  }
};

document.getElementById("language").addEventListener("click", () => {
  setLanguage(words.otherTag);
  words = WORDS[words.otherTag];
  // A page with fresh codes on it is not drawn again: they would be other codes.
  if (!new URLSearchParams(location.hash.slice(1)).has("begin")) choose();
  else location.reload();
});
addEventListener("hashchange", choose);
await choose();
