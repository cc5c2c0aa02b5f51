// What the tests in a browser have in common: headless Chromium with a virtual authenticator, a node, the command line.
//
//   NODE_HOME=FOLDER node TEST.mjs SIMWARD FOLDER        NODE_HOME has playwright-core and axe-core in node_modules

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.NODE_HOME}/`);
const { chromium } = require("playwright-core");
const axe = require("axe-core").source;

export const [simward, work] = process.argv.slice(2);
const screens = `${work}/screens`;
mkdirSync(screens, { recursive: true });

let failed = 0;
export const pass = (what) => console.log(`PASS ${what}`);
export const fail = (what) => {
  failed += 1;
  console.log(`FAIL ${what}`);
};
export const check = (what, good, said = "") => (good ? pass(what) : fail(`${what}: ${said}`));

/** The command line, on this test's node. */
export const cli = (...args) => execFileSync(simward, args, { cwd: work, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** Waits for something to become true. */
export const until = async (good) => {
  for (let tries = 0; tries < 200 && !good(); tries += 1) await new Promise((done) => setTimeout(done, 50));
  if (!good()) throw new Error(`did not come true in ten seconds: ${good}`);
};

/** A node of its own for the test. */
export const startNode = async (data, port, ...options) => {
  const args = ["up", "--data", data, "--listen", `127.0.0.1:${port}`, ...options];
  const node = spawn(simward, args, { cwd: work, stdio: ["ignore", "pipe", "ignore"] });
  await new Promise((resolve, reject) => {
    node.stdout.on("data", (said) => String(said).includes("pages ") && resolve());
    node.on("exit", (code) => reject(new Error(`the node ended with ${code}`)));
  });
  return node;
};

/** A browser, and one page in it whose authenticator is a phone's: synced passkeys, a verified user. */
export const openPage = async (browser, tag = "en") => {
  const context = await browser.newContext({ locale: tag, viewport: { width: 390, height: 844 } });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  const cdp = await context.newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
      automaticPresenceSimulation: true, defaultBackupEligibility: true, defaultBackupState: true,
    },
  });
  return { page, faults };
};

export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-quic"] });

const LANGUAGES = [["zh-CN", "zh"], ["en", "en"]];

/** Two languages, two widths: a picture of each, and no finding of axe-core in any. `speak` changes the language. */
export const look = async (page, name, speak) => {
  for (const [tag, short] of LANGUAGES) {
    await speak(tag);
    for (const width of [390, 1280]) {
      await page.setViewportSize({ width, height: 844 });
      await page.screenshot({ path: `${screens}/${name}-${short}-${width}.png`, fullPage: true });
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      const found = violations.map((v) => `${v.id} (${v.nodes.map((n) => n.html).join(" ").slice(0, 200)})`);
      check(`${name}, ${tag}, ${width} px: axe-core finds nothing`, found.length === 0, found.join("; "));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      check(`${name}, ${tag}, ${width} px: nothing is wider than the page`, wide <= 0, `${wide} px`);
    }
  }
  await page.setViewportSize({ width: 390, height: 844 });
};

/** Runs the test and whatever must end with it. */
export const run = async (test) => {
  const nodes = [];
  const browser = await launch();
  try {
    await test({ browser, nodes });
  } catch (error) {
    fail(`${error.stack}`);
  } finally {
    await browser.close();
    nodes.forEach((node) => node.kill());
  }
  process.exit(failed === 0 ? 0 : 1);
};
