// Phone snatched abroad: suspended from a borrowed browser, the thief reads no code, the number lives again on the stand-by
// card. Timed, and filmed: rescue.log and the pictures of each step in both languages.

import { spawn } from "node:child_process";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { check, cli, look, openPage, pass, run, simward, startNode, until, work } from "./browser.mjs";

const NUMBER = "8613800138000";
const FRIEND = "8613900139000";
const [data, port] = ["rescue", 8742];
const at = ["--data", data];

const began = performance.now();
const film = (line) => appendFileSync(`${work}/rescue.log`, `${((performance.now() - began) / 1000).toFixed(2).padStart(7)} s  ${line}\n`);

/** The command line, filmed. */
const say = (...args) => {
  film(`$ simward ${args.join(" ")}`);
  const said = cli(...args).trim();
  said.split("\n").forEach((line) => film(line));
  return said;
};

/** A phone that goes on, and what it has said so far. */
const phone = (name, nodes, ...args) => {
  const process = spawn(simward, ["phone", "--state", name, "--pin-file", `${name}.pin`, ...at, ...args], { cwd: work });
  const heard = { said: "", process };
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("data", (text) => {
      heard.said += text;
      String(text).trim().split("\n").forEach((line) => film(`[${name}] ${line}`));
    });
  }
  nodes.push(process);
  return heard;
};

const make = (name) => {
  writeFileSync(`${work}/${name}.pin`, /pin = "(\d+)"/.exec(readFileSync(`${work}/${name}.toml`, "utf8"))[1]);
  say("card", "make", "--state", name, "--profile", `${name}.toml`);
};

await run(async ({ browser, nodes }) => {
  writeFileSync(`${work}/rescue.log`, "");
  nodes.push(await startNode(data, port, "--short-waits"));
  const my = `http://my.localhost:${port}`;
  const move = `http://move.localhost:${port}`;

  // Quiet times: a number, its owner, a stand-by card, a portal that is set up; and a friend.
  say("number", "issue", NUMBER, ...at, "--profile", "phone.toml", "--owner", "owner");
  make("phone");
  say("number", "stand-by", NUMBER, ...at, "--owner", "owner", "--profile", "spare.toml", "--wait");
  make("spare");
  say("number", "issue", FRIEND, ...at, "--profile", "friend.toml", "--owner", "friends");
  make("friend");
  const { page: home } = await openPage(browser);
  await home.goto(/(http\S+)/.exec(say("number", "portal", NUMBER, ...at, "--owner", "owner"))[1]);
  await home.getByRole("button", { name: "Make the passkey" }).click();
  await home.getByRole("heading", { name: `+${NUMBER}` }).waitFor();
  const speakHome = (tag) => home.goto(`${my}/language?to=${tag}&back=/`);
  const snatched = phone("phone", nodes);
  await until(() => snatched.said.includes("attached"));
  say("bank", "post", NUMBER, "your code is 271828", ...at);
  await until(() => snatched.said.includes("271828"));
  pass("the owner's phone is attached and reads its codes");
  await home.getByText("now: the phone is attached").waitFor();
  await look(home, "rescue-1-quiet", speakHome);

  // The phone is snatched, unlocked. A borrowed browser, and the half of the sheet from the wallet.
  film("-- the phone is snatched: thief has phone, card, PIN and passkey");
  const hold = /hold: (\S+)/.exec(readFileSync(`${work}/owner/sheet.txt`, "utf8"))[1];
  const { page: borrowed } = await openPage(browser);
  await borrowed.goto(`${move}/#hold`);
  const speakBorrowed = async (tag) => {
    if ((await borrowed.locator("html").getAttribute("lang")) !== tag) await borrowed.locator("#language").click();
  };
  await borrowed.locator("#hold").fill("00000-00000-00000-00000-00000-0");
  await borrowed.getByRole("button", { name: "Suspend now" }).click();
  await borrowed.getByRole("alert").waitFor();
  pass(`a code that nobody's deed knows: ${(await borrowed.getByRole("alert").textContent()).trim()}`);
  await borrowed.locator("#hold").fill(hold);
  const tapped = performance.now();
  await borrowed.getByRole("button", { name: "Suspend now" }).click();
  await borrowed.getByText(/^Suspended, in \d+ ms/).waitFor();
  const took = Math.round(performance.now() - tapped);
  film(`borrowed browser, hold code: suspended ${took} ms after the tap`);
  await until(() => snatched.said.includes("suspended"));
  pass(`suspended ${took} ms after the tap; the phone in the thief's hands is cut off`);
  await look(borrowed, "rescue-2-suspended", speakBorrowed);
  await speakBorrowed("en");
  const kept = await borrowed.evaluate(() => JSON.stringify({ ...localStorage }));
  check("the borrowed browser keeps nothing", !kept.includes(hold.replaceAll("-", "")) && !kept.includes("watch"), kept);
  check("and shows the code no more", (await borrowed.locator("#hold").count()) === 0);

  // The thief asks a bank for a code.
  const held = say("bank", "post", NUMBER, "your code is 314159", ...at);
  check("a code that the thief asks for is held", held.startsWith("held"), held);
  const again = phone("phone", nodes, "--for", "3");
  await until(() => again.said.includes("suspended"));
  check("the thief's phone reads nothing", !(snatched.said + again.said).includes("314159"));
  await home.getByText("suspended: emergency calls only").waitFor();
  await look(home, "rescue-3-suspended", speakHome);
  const resumed = (() => {
    try {
      return say("number", "resume", NUMBER, ...at, "--owner", "owner", "--with", "phone");
    } catch (error) {
      return String(error.stderr ?? error.message);
    }
  })();
  check("the stolen passkey resumes nothing", resumed.includes("held"), resumed);

  // The sheet and the stand-by card: the owner is back.
  say("number", "silence-phone", NUMBER, ...at, "--owner", "owner");
  say("number", "wake", NUMBER, ...at, "--owner", "owner", "--state", "spare", "--pin-file", "spare.pin", "--wait");
  const spare = phone("spare", nodes);
  await until(() => spare.said.includes("attached"));
  const friend = phone("friend", nodes, "--send-to", NUMBER, "--text", "are you there?");
  await until(() => spare.said.includes("are you there?"));
  pass("the number is alive on the stand-by card: a friend's message arrives");
  check("the friend's message came from the friend's number", spare.said.includes(`+${FRIEND}: are you there?`), spare.said);
  await until(() => friend.said.includes("sent"));
  const locked = phone("phone", nodes, "--for", "3");
  await until(() => locked.said.includes("refused"));
  check("the snatched card is nobody's", locked.said.includes("no number's deed names this card"), locked.said);
  const agreed = say("bank", "who-agreed", NUMBER, ...at);
  check("a bank sees that a key elsewhere agreed", agreed.includes('"agreed":["key-elsewhere"]'), agreed);
  check("no code was ever read by the thief", ![snatched, again, locked].some((p) => p.said.includes("314159")));
  await home.reload();
  await look(home, "rescue-4-alive", speakHome);
  await home.goto(`${my}/history`);
  await look(home, "rescue-5-history", (tag) => home.goto(`${my}/language?to=${tag}&back=/history`));
  const minutes = ((performance.now() - began) / 1000).toFixed(1);
  film(`done after ${minutes} s, with waits of two seconds where a live deployment has 15 minutes and a day`);
});
