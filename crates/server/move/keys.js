// The owner's keys: a passkey in the phone, and codes on paper that stand for signing keys (docs/deed.md §3).

import { ascii, concat, random, sha256 } from "./bytes.js";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SYMBOLS = 26;

/** A fresh code: 26 symbols of five bits. */
export const freshCode = () => Array.from(random(SYMBOLS), (byte) => ALPHABET[byte & 31]).join("");

/** A code as it is printed: in groups of five. */
export const grouped = (code) => code.match(/.{1,5}/g).join("-");

/** A code as somebody typed it, or null: spaces, hyphens and case do not matter; I, L and O are read as 1, 1 and 0. */
export const readCode = (text) => {
  const code = text.toUpperCase().replace(/[\s-]/g, "").replace(/[IL]/g, "1").replace(/O/g, "0");
  return code.length === SYMBOLS && [...code].every((c) => ALPHABET.includes(c)) ? code : null;
};

/** PKCS #8 before the 32 octets of an Ed25519 key (RFC 8410 §7). */
const PKCS8 = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20);

/** The Ed25519 key that a code stands for. */
export const paperKey = async (code) => {
  const seed = await sha256(ascii("simward.paper.1\0"), ascii(code));
  const key = await crypto.subtle.importKey("pkcs8", concat(PKCS8, seed), "Ed25519", true, ["sign"]);
  const { x } = await crypto.subtle.exportKey("jwk", key);
  const text = atob(x.replaceAll("-", "+").replaceAll("_", "/"));
  const publicKey = Uint8Array.from(text, (c) => c.charCodeAt(0));
  const sign = async (bytes) => new Uint8Array(await crypto.subtle.sign("Ed25519", key, bytes));
  return { publicKey, sign };
};

const [MOVE, HOLD_ONLY, RECOVER] = [1, 2, 3];
const [PHONE, ELSEWHERE] = [1, 2];
const NOTHING = new Uint8Array(0);
const NO_AAGUID = new Uint8Array(16);

/** The factor of a move code: its key's digest, which is shown when it is used. */
export const sheetFactor = async ({ publicKey }) => [
  RECOVER, ELSEWHERE, 4, await sha256(publicKey), "", NOTHING, NO_AAGUID, 0,
];

/** The factor of a hold-only code. */
export const holdFactor = ({ publicKey }) => [HOLD_ONLY, ELSEWHERE, 3, publicKey, "", NOTHING, NO_AAGUID, 0];

/** Makes a passkey for moves. Its name is a hint to an attentive owner; the origin is the defence. */
export const createPasskey = async (number) => {
  const name = `MOVE +${number}`;
  const credential = await navigator.credentials.create({
    publicKey: {
      rp: { id: location.hostname, name: "Simward MOVE" },
      // A handle of its own for each credential: two with one handle, and the second replaces the first.
      user: { id: random(64), name, displayName: name },
      challenge: random(32),
      pubKeyCredParams: [{ type: "public-key", alg: -7 }],
      authenticatorSelection: { residentKey: "required", userVerification: "required" },
      attestation: "none",
    },
  });
  const data = new Uint8Array(credential.response.getAuthenticatorData());
  const spki = new Uint8Array(credential.response.getPublicKey());
  const point = spki.slice(-65);
  if (point[0] !== 4) throw new Error("a passkey of another kind than ES256");
  const credentialId = new Uint8Array(credential.rawId);
  // UP, UV, BE and BS as they were; what belongs to the registration alone is left out.
  const flags = data[32] & 0x1d;
  return { credentialId, factor: [MOVE, PHONE, 1, point, location.hostname, credentialId, data.slice(37, 53), flags] };
};

/** r ‖ s of an ECDSA signature in DER (RFC 3279 §2.2.3). */
const rawSignature = (der) => {
  const part = (at) => {
    const value = der.subarray(at + 2, at + 2 + der[at + 1]);
    const out = new Uint8Array(32);
    const digits = value.subarray(Math.max(0, value.length - 32));
    out.set(digits, 32 - digits.length);
    return [out, at + 2 + der[at + 1]];
  };
  const [r, next] = part(2);
  const [s] = part(next);
  return concat(r, s);
};

/** The evidence of a passkey: its answer to the hash of exactly this message. */
export const passkeyEvidence = async (credentialId, message) => {
  const { response } = await navigator.credentials.get({
    publicKey: {
      rpId: location.hostname,
      challenge: await sha256(message),
      allowCredentials: [{ type: "public-key", id: credentialId }],
      userVerification: "required",
    },
  });
  return [
    new Uint8Array(response.authenticatorData),
    new Uint8Array(response.clientDataJSON),
    rawSignature(new Uint8Array(response.signature)),
  ];
};

/** The evidence of a move code. */
export const sheetEvidence = async (key, message) => [key.publicKey, await key.sign(message)];

/** The evidence of a hold-only code. */
export const holdEvidence = async (key, message) => [await key.sign(message)];
