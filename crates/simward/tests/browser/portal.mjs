// A new owner, in a browser: makes the number's keys, signs in, sees a change that somebody else asked for and stops it,
// agrees to another on the move page. And what must not work: a sign-in passkey there.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { check, cli, look, openPage, pass, run, startNode, work } from "./browser.mjs";

const NUMBER = "8613800138000";

/** From the desk's invitation to a number of one's own and a browser that is signed in. */
const becomeOwner = async (page, data, port, looking) => {
  const link = /link +(\S+)/.exec(cli("number", "invite", NUMBER, "--data", data, "--profile", `${data}-first.toml`))[1];
  check("the link leads to the move page of this node", link.startsWith(`http://move.localhost:${port}/#begin=`), link);
  await page.goto(link);
  const button = (name) => page.getByRole("button", { name });
  await button("Make the passkey").click();
  await page.locator("#last").waitFor();
  const [code, hold] = await page.locator(".code").allTextContents();
  check("both codes have 26 symbols", [code, hold].every((c) => c.replaceAll("-", "").length === 26), `${code} ${hold}`);
  await page.locator("#last").fill("ZZZZZZ");
  await button("Continue").click();
  await page.getByRole("alert").waitFor();
  check("a wrong ending does not go on", await button("Sign").isHidden());
  await page.locator("#last").fill(code.replaceAll("-", "").slice(-6));
  await button("Continue").click();
  if (looking) await looking("begin");
  const iccid = /iccid = "(\d+)"/.exec(readFileSync(`${work}/${data}-first.toml`, "utf8"))[1];
  check("the card that is signed for is shown", await page.getByText(`ICCID ${iccid}`).isVisible());
  if (looking) {
    // The number comes to life, and the answer is lost on its way back.
    await page.evaluate(() => {
      const real = globalThis.fetch;
      globalThis.fetch = async (path, init) => {
        const answer = await real(path, init);
        if (init.method === "POST" && path.startsWith("/v1/invitations/")) throw new Error("the answer was lost");
        return answer;
      };
    });
    await button("Sign").click();
    await page.getByRole("alert").waitFor();
    await page.reload();
  } else {
    await button("Sign").click();
  }
  await page.getByRole("heading", { name: `+${NUMBER} now follows your signature` }).waitFor();
  pass("the deed is signed with passkey, move code and hold code");
  if (looking) await looking("issued");
  await button("Open my number's page").click();
  await page.waitForURL(`http://my.localhost:${port}/begin#*`);
  await page.getByRole("button", { name: "Make the passkey" }).click();
  await page.waitForURL(`http://my.localhost:${port}/`);
  await page.getByRole("heading", { name: `+${NUMBER}` }).waitFor();
  pass("a sign-in passkey is made on the portal, and the browser is signed in");
  return { code, hold, link };
};

const ask = (data, profile) => cli("number", "ask", NUMBER, "--data", data, "--profile", profile);

/** The timeline: what a code was is there by itself, a filter leaves its kinds alone, and what is taken away is the same. */
const timeline = async (page, my, data, speakPortal) => {
  await page.goto(`${my}/history`);
  await speakPortal("en");
  const came = page.getByText("A code came from Bank");
  check("no code came yet", (await came.count()) === 0);
  cli("bank", "post", NUMBER, "the code is 271828", "--data", data);
  await came.waitFor({ timeout: 10_000 });
  pass("the open history shows a code by itself");
  const kinds = ["signed in with", "failed to sign in", "for the first time", "password was set"];
  const table = await page.evaluate(async () => (await fetch("/history.csv?what=sign-in")).text());
  for (const kind of kinds) check(`the table says: ${kind}`, table.includes(kind), table.slice(0, 300));
  check("no code's words are in it", !(await page.content()).includes("271828"));
  await page.selectOption("#what", "sign-in");
  await page.getByRole("button", { name: "Show" }).click();
  await page.waitForURL(/what=sign-in/);
  check("the filter leaves sign-ins alone", (await came.count()) === 0 && (await page.locator(".lines li").count()) >= 2);
  const all = await page.evaluate(async () => (await fetch("/history.json?what=sign-in")).json());
  const signIns = ["sign-in", "sign-in-failed", "new-device", "sign-in-changed", "invited"];
  check("so does what is taken away", all.length >= 4 && all.every((line) => signIns.includes(line.kind)), JSON.stringify(all[0]));
  await page.selectOption("#what", "card");
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByText("Nothing of the kind yet.").waitFor();
  const bad = await page.evaluate(async () => (await fetch("/history?what=everything")).status);
  check("a group that there is not is refused", bad === 400, `${bad}`);
};

await run(async ({ browser, nodes }) => {
  const [data, port] = ["node", 8740];
  nodes.push(await startNode(data, port));
  const { page, faults } = await openPage(browser);
  const my = `http://my.localhost:${port}`;
  const move = `http://move.localhost:${port}`;
  const speakMove = async (tag) => {
    if ((await page.locator("html").getAttribute("lang")) !== tag) await page.locator("#language").click();
  };
  const speakPortal = (tag) => page.goto(`${my}/language?to=${tag}&back=${new URL(page.url()).pathname}`);

  // Before anybody is an owner.
  await page.goto(move);
  await look(page, "move-nothing", speakMove);
  await page.goto(`${move}/#hold`);
  await look(page, "move-hold", speakMove);
  await page.goto(my);
  await look(page, "portal-sign-in", speakPortal);
  await speakPortal("en");
  const { code, link } = await becomeOwner(page, data, port, async (name) => {
    await page.screenshot({ path: `${process.argv[3]}/screens/${name}.png`, fullPage: true });
  });
  await page.goto(link);
  await page.getByRole("alert").waitFor();
  pass(`the invitation works once: ${(await page.getByRole("alert").textContent()).trim()}`);

  // Signing out and in again.
  await page.goto(my);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByRole("heading", { name: `+${NUMBER}` }).waitFor();
  pass("signed in with the passkey");
  await look(page, "portal-calm", speakPortal);

  // Somebody asks for a change: the open page tells it by itself, and one tap stops it.
  await speakPortal("en");
  const stop = page.getByRole("button", { name: "This was not me: stop it" });
  check("nothing is pending", (await stop.count()) === 0);
  ask(data, "thief-card.toml");
  await stop.waitFor({ timeout: 10_000 });
  pass("the open page shows the pending change by itself");
  await look(page, "portal-pending", speakPortal);
  await speakPortal("en");
  await stop.click();
  await page.getByText("Stopped. The authentication centre has it").waitFor();
  check("nothing is pending any more", (await stop.count()) === 0);
  await look(page, "portal-stopped", speakPortal);

  // The owner's own change: agreed on the move page, decoded from the bytes that are signed.
  ask(data, "new-card.toml");
  await page.goto(move);
  await page.locator("#intent").waitFor();
  await look(page, "move-pending", speakMove);
  await speakMove("en");
  const shown = await page.locator("#intent").textContent();
  const iccid = /iccid = "(\d+)"/.exec((await import("node:fs")).readFileSync(`${process.argv[3]}/new-card.toml`, "utf8"))[1];
  check("the move page names the new card", shown.includes(iccid), shown);

  // A sign-in passkey there: the browser does not even offer it, and its signature is no consent.
  const crossed = await page.evaluate(() =>
    navigator.credentials.get({ publicKey: { rpId: "my.localhost", challenge: new Uint8Array(32) } })
      .then(() => "signed", (error) => error.name));
  check("the move page cannot ask for a sign-in passkey", crossed === "SecurityError", crossed);
  const refused = await forgedBySignIn(page, my, move);
  check("a sign-in passkey's signature over the very statement is refused", refused.code === "webauthn", JSON.stringify(refused));

  await page.goto(move);
  await page.getByRole("button", { name: "Agree with my passkey" }).click();
  await page.getByText("Signed. It takes effect").waitFor();
  pass("agreed on the move page with the passkey");
  await page.goto(my);
  const countdown = page.locator("time[data-countdown]");
  await countdown.waitFor();
  await page.waitForFunction(() => /^2[34]:\d\d:\d\d$/.test(document.querySelector("time[data-countdown]").textContent));
  pass(`one key's wait counts down: ${await countdown.textContent()}`);
  await look(page, "portal-countdown", speakPortal);
  await speakPortal("en");
  await page.goto(move);
  await page.locator("#code").fill(code.toLowerCase());
  await page.getByRole("button", { name: "Agree with the sheet's move code" }).click();
  await page.getByText("Signed. It takes effect").waitFor();
  await page.goto(my);
  await page.waitForFunction(() => /^0:1[45]:\d\d$/.test(document.querySelector("time[data-countdown]")?.textContent ?? ""));
  pass(`two places' wait counts down: ${await countdown.textContent()}`);
  await page.goto(move);
  await page.getByRole("button", { name: "This was not me: stop it" }).click();
  await page.getByText("Stopped. The authentication centre has it").waitFor();
  pass("the passkey stops a change on the move page");
  await look(page, "move-calm", speakMove);

  await passwordAndApp(page, my, (name) => look(page, name, speakPortal), speakPortal);
  await page.goto(`${my}/history`);
  check("the history has both sign-ins", (await page.locator(".lines li").count()) >= 2);
  for (const what of ["Set a password", "Set up an authenticator app"]) {
    check(`the history says: ${what}`, (await page.getByText(what, { exact: false }).count()) >= 1);
  }

  await page.goto(`${my}/promises`);
  await look(page, "portal-promises", speakPortal);

  // A failed sign-in is seen: the right key, over a challenge that the portal did not choose.
  await page.goto(my);
  const answered = await page.evaluate(async () => {
    const send = (path, body) =>
      fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    const { id } = await (await send("/sign-in/options", {})).json();
    const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
    const key = await navigator.credentials.get({ publicKey: { challenge: new Uint8Array(32), userVerification: "required" } });
    const parts = ["clientDataJSON", "authenticatorData", "signature", "userHandle"];
    const response = Object.fromEntries(parts.map((part) => [part, text(key.response[part])]));
    const credential = { id: key.id, rawId: text(key.rawId), type: key.type, response, extensions: {} };
    const first = await send("/sign-in/finish", { id, credential });
    const second = await send("/sign-in/finish", { id, credential });
    return [first.status, (await first.json()).code, (await second.json()).code];
  });
  check("an answer to another challenge signs nobody in, and a ceremony is finished once",
    answered.join() === "403,passkey,too-late", answered.join());
  await page.goto(`${my}/history`);
  check("the failed sign-in is in the history", (await page.locator(".lines .bad").count()) >= 1);
  await look(page, "portal-history", speakPortal);
  await timeline(page, my, data, speakPortal);
  await doors(page, my, move);
  const unexpected = faults.filter((fault) => !/status of (40[0134]|421)/.test(fault));
  check("no page had a fault of its own", unexpected.length === 0, unexpected.join(" | "));

  // With waits of two seconds: agreed with both keys, and done.
  nodes.push(await startNode("quick", 8741, "--short-waits"));
  const quick = await openPage(browser);
  const { code: sheet } = await becomeOwner(quick.page, "quick", 8741);
  ask("quick", "quick-card.toml");
  await quick.page.goto("http://move.localhost:8741");
  await quick.page.getByRole("button", { name: "Agree with my passkey" }).click();
  await quick.page.getByText("Signed. It takes effect").waitFor();
  await quick.page.locator("#code").fill(sheet);
  await quick.page.getByRole("button", { name: "Agree with the sheet's move code" }).click().catch(() => {});
  const wanted = /iccid = "(\d+)"/.exec((await import("node:fs")).readFileSync(`${process.argv[3]}/quick-card.toml`, "utf8"))[1];
  const moved = async () => JSON.parse(cli("number", "show", NUMBER, "--data", "quick", "--json")).iccid === wanted;
  for (let tries = 0; tries < 60 && !(await moved()); tries += 1) await new Promise((done) => setTimeout(done, 200));
  check("the change is done on the node", await moved());
  await quick.page.goto("http://move.localhost:8741");
  await quick.page.getByText(`ICCID …${wanted.slice(-6)}`).waitFor();
  pass("and the move page, following the history, says the same");
});

/** Has the sign-in passkey sign the statement of a consent, as a bad page would, and hands it in as the move passkey's. */
async function forgedBySignIn(page, my, move) {
  const prepared = await page.evaluate(async () => {
    const deed = await import("/deed.js");
    const { decode, encode, hex, sha256, unhex } = await import("/bytes.js");
    const kept = Object.values(JSON.parse(localStorage.getItem("simward.receipts")))[0];
    const receipt = { deedId: unhex(kept.deed_id), seq: kept.seq, head: unhex(kept.head) };
    const token = await deed.readerToken(unhex(kept.watch_key));
    const history = await fetch(`/v1/numbers/${kept.number}/history`, { headers: { authorization: `Bearer ${token}` } });
    const now = await deed.follow(new Uint8Array(await history.arrayBuffer()), receipt);
    const body = encode([now.live.head, now.live.intent]);
    const message = deed.message(receipt.deedId, now, deed.CONSENTED, body);
    const signer = await deed.factorId(decode(unhex(kept.passkey)));
    return {
      number: kept.number, body: hex(body), signer: hex(signer), seq: now.seq, head: hex(now.head),
      challenge: hex(await sha256(message)),
    };
  });
  await page.goto(`${my}/`);
  const answer = await page.evaluate(async ({ challenge }) => {
    const bytes = Uint8Array.from(challenge.match(/../g), (pair) => parseInt(pair, 16));
    const { response } = await navigator.credentials.get({
      publicKey: { rpId: "my.localhost", challenge: bytes, userVerification: "required" },
    });
    return [response.authenticatorData, response.clientDataJSON].map((part) => Array.from(new Uint8Array(part)));
  }, prepared);
  await page.goto(move);
  return page.evaluate(async ({ prepared, answer }) => {
    const { proof } = await import("/deed.js");
    const { hex, unhex } = await import("/bytes.js");
    const evidence = [...answer.map((part) => Uint8Array.from(part)), new Uint8Array(64).fill(1)];
    const signed = proof(unhex(prepared.signer), { seq: prepared.seq, head: unhex(prepared.head) }, evidence);
    const response = await fetch(`/v1/numbers/${prepared.number}/statements`, {
      method: "POST", headers: { "content-type": "application/json" },
      body: JSON.stringify({ type: 2, body: prepared.body, proofs: [hex(signed)] }),
    });
    return response.json();
  }, { prepared, answer });
}

/** Password and authenticator app: neither alone signs in; the codes are another program's (oathtool). */
async function passwordAndApp(page, my, looking, speakPortal) {
  const field = (name) => page.getByLabel(name, { exact: true });
  const said = (text) => page.getByText(text).waitFor();
  await page.goto(`${my}/security`);
  const long = "seven quiet herons over the reeds";
  for (const [bad, why] of [["Odd1!short", "Too short"], ["woaini1314520520", "tried first"], ["simward13800138000x", "made of your number"]]) {
    await field("New password").fill(bad);
    await page.getByRole("button", { name: "Set it" }).click();
    await said(why);
  }
  pass("passwords that are short, common or made of the number are refused");
  await field("New password").fill(long);
  await page.getByRole("button", { name: "Set it" }).click();
  await said("The password is set");
  await page.getByRole("button", { name: "Set up an app" }).click();
  const uri = await page.getByRole("link", { name: "Open in an app" }).getAttribute("href");
  check("the set-up is an otpauth URI", /^otpauth:\/\/totp\/Simward:.*secret=[A-Z2-7]+.*issuer=Simward/.test(uri), uri);
  const secret = new URL(uri).searchParams.get("secret");
  const app = (when) => execFileSync("oathtool", ["--totp", "--base32", "--now", when, secret], { encoding: "utf8" }).trim();
  await looking("portal-security");
  await speakPortal("en");
  await page.goto(`${my}/security`);
  await field("Code from the app").fill("000000");
  await page.getByRole("button", { name: "Confirm" }).click();
  await said("That code is wrong");
  await field("Code from the app").fill(app("30 seconds ago"));
  await page.getByRole("button", { name: "Confirm" }).click();
  await said("The app is set up");
  pass("another program's codes are right (oathtool)");
  await page.getByRole("button", { name: "Sign out" }).click();
  const signIn = async (password, code) => {
    await page.goto(my);
    await page.locator("summary").click();
    await field("Number").fill(`+${NUMBER}`);
    await field("Password").fill(password);
    await field("Code from the app").fill(code);
    await page.locator("form[action='/sign-in/password'] button").click();
    await page.waitForLoadState();
    return (await page.getByRole("heading", { name: `+${NUMBER}` }).count()) === 1;
  };
  const code = app("now");
  check("the password alone signs nobody in", !(await signIn(long, "123456")));
  check("the code alone signs nobody in", !(await signIn("some other long password", code)));
  check("both together sign in", await signIn(long, code));
  await page.getByRole("button", { name: "Sign out" }).click();
  check("a code that was used is refused", !(await signIn(long, code)));
  for (let tries = 0; tries < 5; tries += 1) await signIn("some other long password", "000000");
  check("after five tries not even the right ones are taken", !(await signIn(long, app("30 seconds"))));
  await page.goto(my);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByRole("heading", { name: `+${NUMBER}` }).waitFor();
  pass("a passkey still does");
}

/** What each host name answers, and what it does not. */
async function doors(page, my, move) {
  const status = (url, options) => page.request.fetch(url, { failOnStatusCode: false, ...options });
  const api = my.replace("my.localhost", "127.0.0.1");
  const named = async (host, path) => (await status(`${api}${path}`, { headers: { host } })).status();
  check("another name for this machine gets nothing", (await named("evil.example", "/v1/manifest")) === 421);
  check("the portal's name has no API", (await named(new URL(my).host, "/v1/manifest")) === 404);
  check("the move page's name has no desk", (await named(new URL(move).host, "/v1/alarms")) === 404);
  check("nothing links the origins of the move page", (await named(new URL(move).host, "/.well-known/webauthn")) === 404);
  const foreign = await status(`${api}/stop`, {
    method: "POST", headers: { host: new URL(my).host, origin: "http://evil.example" }, form: { request: "00" },
  });
  check("a form from another site is refused", foreign.status() === 403, String(foreign.status()));
  const headers = (await status(api, { headers: { host: new URL(move).host } })).headers();
  check("the move page runs its own code only", headers["content-security-policy"].includes("script-src 'self'"));
  check("nobody frames the move page", headers["content-security-policy"].includes("frame-ancestors 'none'"));
}
