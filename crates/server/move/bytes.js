// Bytes: hexadecimal, and the deterministic CBOR of deeds (docs/deed.md §2). A reader that accepts one form
// only, so that what is shown and what is signed are the same bytes.

export const concat = (...parts) => {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

export const equal = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export const unhex = (text) => {
  if (!/^([0-9a-f]{2})*$/.test(text)) throw new Error("not hexadecimal");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
};

export const ascii = (text) => new TextEncoder().encode(text);

const head = (major, n) => {
  const first = major << 5;
  if (n < 24) return Uint8Array.of(first | n);
  if (n < 0x100) return Uint8Array.of(first | 24, n);
  if (n < 0x10000) return Uint8Array.of(first | 25, n >> 8, n & 0xff);
  const view = new DataView(new ArrayBuffer(9));
  if (n < 0x1_0000_0000) {
    view.setUint8(0, first | 26);
    view.setUint32(1, n);
    return new Uint8Array(view.buffer, 0, 5);
  }
  view.setUint8(0, first | 27);
  view.setBigUint64(1, BigInt(n));
  return new Uint8Array(view.buffer);
};

/** A value as bytes: whole numbers, text, byte strings, arrays; `Raw` goes in as it is. */
export const encode = (value) => {
  if (value instanceof Raw) return value.bytes;
  if (value instanceof Uint8Array) return concat(head(2, value.length), value);
  if (Array.isArray(value)) return concat(head(4, value.length), ...value.map(encode));
  if (typeof value === "string") return concat(head(3, value.length), ascii(value));
  if (Number.isSafeInteger(value) && value >= 0) return head(0, value);
  throw new Error("a value that deeds do not have");
};

/** Bytes that are encoded already. */
export class Raw {
  constructor(bytes) {
    this.bytes = bytes;
  }
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(n) {
    if (this.at + n > this.bytes.length) throw new Error("cut short");
    return this.bytes.subarray(this.at, (this.at += n));
  }

  head() {
    const [first] = this.take(1);
    const [major, short] = [first >> 5, first & 31];
    if (short < 24) return [major, short];
    const size = { 24: 1, 25: 2, 26: 4, 27: 8 }[short];
    if (!size) throw new Error("a head that deeds do not have");
    let n = 0n;
    for (const byte of this.take(size)) n = (n << 8n) | BigInt(byte);
    const least = { 1: 24n, 2: 0x100n, 4: 0x10000n, 8: 0x1_0000_0000n }[size];
    if (n < least || n > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error("a number in another form than its one");
    return [major, Number(n)];
  }

  value(depth) {
    if (depth > 6) throw new Error("nested too deep");
    const [major, n] = this.head();
    if (major === 0) return n;
    if (major === 2) return this.take(n).slice();
    if (major === 3) {
      const text = String.fromCharCode(...this.take(n));
      if (!/^[\x20-\x7e]*$/.test(text)) throw new Error("text that is not plain");
      return text;
    }
    if (major === 4) return Array.from({ length: Math.min(n, this.bytes.length) }, () => this.value(depth + 1));
    throw new Error("a kind of value that deeds do not have");
  }
}

/** The one value that the bytes are. */
export const decode = (bytes) => {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  if (reader.at !== bytes.length) throw new Error("something after the end");
  return value;
};

export const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", concat(...parts)));

export const hmac = async (key, ...parts) => {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, concat(...parts)));
};

export const random = (n) => crypto.getRandomValues(new Uint8Array(n));
