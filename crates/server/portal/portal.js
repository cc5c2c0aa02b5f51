// The portal's script: passkeys, times in the reader's own place, a countdown, and a page that looks again when
// something happened. Stopping and signing out are plain forms and work without it.

const unbase64url = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));

const base64url = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

const post = async (path, body) => {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({ code: "other" }));
  if (!response.ok) throw Object.assign(new Error(answer.code), { code: answer.code });
  return answer;
};

/** A ceremony: options from the portal, the browser's own dialog, the answer back to the portal. */
const ceremony = async (name, first, ask) => {
  const { id, options } = await post(`/${name}/options`, first);
  options.challenge = unbase64url(options.challenge);
  const credential = await ask(options);
  const { response } = credential;
  const parts = {};
  for (const part of ["attestationObject", "clientDataJSON", "authenticatorData", "signature", "userHandle"]) {
    if (response[part]) parts[part] = base64url(response[part]);
  }
  const { to } = await post(`/${name}/finish`, {
    id,
    credential: {
      id: credential.id,
      rawId: base64url(credential.rawId),
      type: credential.type,
      response: parts,
      extensions: {},
    },
  });
  location.assign(to);
};

const begin = () =>
  ceremony("begin", { code: location.hash.slice(1) }, (options) => {
    options.user.id = unbase64url(options.user.id);
    return navigator.credentials.create({ publicKey: options });
  });

const signIn = () => ceremony("sign-in", {}, (options) => navigator.credentials.get({ publicKey: options }));

/** Runs what a button does, and says in the page's language what went wrong. */
const on = (selector, action) => {
  const button = document.querySelector(selector);
  const failed = document.getElementById("failed");
  button?.addEventListener("click", async () => {
    button.disabled = true;
    failed.hidden = true;
    try {
      await action();
    } catch (error) {
      const code = error.name === "NotAllowedError" ? "cancelled" : error.code ?? "other";
      const key = code.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
      failed.textContent = failed.dataset[key] ?? failed.dataset.other;
      failed.hidden = false;
    } finally {
      button.disabled = false;
    }
  });
};

const language = document.documentElement.lang;

/** 1:05:09, or 2 days and so on, until a moment. */
const left = (milliseconds) => {
  const seconds = Math.ceil(milliseconds / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const two = (n) => String(n).padStart(2, "0");
  return `${hours}:${two(minutes)}:${two(seconds % 60)}`;
};

const tellTimes = () => {
  for (const time of document.querySelectorAll("time")) {
    const moment = new Date(time.dateTime);
    if (time.dataset.countdown !== undefined) {
      const rest = moment - Date.now();
      time.textContent = rest > 0 ? left(rest) : time.dataset.countdown;
    } else {
      time.textContent = moment.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
    }
  }
};

const watch = () => {
  const status = document.querySelector("[data-live]");
  if (!status) return;
  const look = async () => {
    const response = await fetch(status.dataset.part);
    if (response.status === 401) location.assign("/");
    if (!response.ok) return;
    // Our own server's part of our own page; its policy lets no script in.
    status.innerHTML = await response.text();
    tellTimes();
  };
  new EventSource(status.dataset.live).addEventListener("message", look);
};

on("[data-begin]", begin);
on("[data-sign-in]", signIn);
tellTimes();
setInterval(tellTimes, 1000);
watch();
