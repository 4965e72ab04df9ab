#!/usr/bin/env node
// @ts-check
/**
 * An account server for the learner's record: it keeps one record for each account and merges what devices send.
 *
 *   node book/accounts/server.js add NAME --data FOLDER       reads a password from standard input
 *   node book/accounts/server.js serve --data FOLDER --origin https://site [--port 8765]
 *
 * It speaks plain HTTP and listens on this machine alone: put it behind whatever serves https.
 */
import { createHmac, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { realpathSync } from "node:fs";
import { mkdir, open as openFile, readFile, rename } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { argv, exit, stdin } from "node:process";
import { pathToFileURL } from "node:url";
import { parseArgs, promisify } from "node:util";

import { LARGEST, Refusal, create, merge, open, seal } from "../../book/_static/record/content.js";

const hash = promisify(scrypt);
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const SESSION = 30 * 864e5;
const REFUSED = { "not ours": 400, newer: 400, "too large": 413 };
/** The longest wait after a wrong password, in milliseconds. */
const SLOWEST = 5_000;

/** What the client is told, with a status. */
class Reply extends Error {
  /** @param {number} status @param {string} sentence */
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

/** Files of a folder, each written whole or not at all. @param {string} folder */
function files(folder) {
  return {
    /** @param {string} name @returns {Promise<string | null>} */
    async read(name) {
      try {
        return await readFile(join(folder, name), "utf8");
      } catch (error) {
        if (/** @type {any} */ (error).code === "ENOENT") return null;
        throw error;
      }
    },
    /** @param {string} name @param {string} text */
    async write(name, text) {
      await mkdir(folder, { recursive: true });
      const draft = join(folder, `.${name}-${randomBytes(6).toString("hex")}`);
      const file = await openFile(draft, "w", 0o600);
      await file.writeFile(text);
      await file.sync();
      await file.close();
      await rename(draft, join(folder, name));
    },
    /** Keep a file that cannot be read under another name. @param {string} name */
    async putAside(name) {
      await rename(join(folder, name), join(folder, `${name}.unreadable-${Date.now()}`));
    },
  };
}

/** @param {string} name */
function named(name) {
  if (!NAME.test(name)) throw new Reply(400, "An account's name has the characters a-z, 0-9, ., _ and -.");
  return name;
}

/** @param {string} password @param {string} salt */
async function digest(password, salt) {
  return /** @type {Buffer} */ (await hash(password, salt, 32));
}

/** What only this server can write under a session. @param {string} key @param {string} account @param {string} until */
function seals(key, account, until) {
  return createHmac("sha256", key).update(`${account}:${until}`).digest("hex");
}

/** @param {string} given @param {string} wanted */
function same(given, wanted) {
  const [one, other] = [Buffer.from(given), Buffer.from(wanted)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** @param {string} folder @param {string} name @param {string} password */
export async function add(folder, name, password) {
  if (password.length < 8) throw new Reply(400, "A password has eight characters or more.");
  const salt = randomBytes(16).toString("hex");
  const account = { salt, hash: (await digest(password, salt)).toString("hex") };
  await files(folder).write(`${named(name)}.account.json`, JSON.stringify(account));
}

/**
 * Answer requests for the records of a folder, from pages of one origin.
 *
 * POST /session {account, password} → {token}; PUT /record, a record → what the server then holds.
 *
 * @param {string} folder
 * @param {string} origin
 */
export function accounts(folder, origin) {
  const disk = files(folder);
  /** What waits on what: one change of a record, one attempt to sign in, at a time. @type {Map<string, Promise<void>>} */
  const turns = new Map();
  /** Wrong passwords in a row. @type {Map<string, number>} */
  const wrong = new Map();

  /** @param {string} account @returns {Promise<{salt: string, hash: string}>} */
  async function knownOf(account) {
    return JSON.parse((await disk.read(`${account}.account.json`)) ?? '{"salt":"","hash":""}');
  }

  /** @param {any} asked */
  async function signIn(asked) {
    const account = named(String(asked?.account ?? ""));
    const known = await knownOf(account);
    // Attempts at one account queue; those at accounts that there are not share a queue.
    return inTurn(`sign in: ${known.hash && account}`, () => attempt(account, known, String(asked?.password ?? "")));
  }

  /** @param {string} account @param {{salt: string, hash: string}} known @param {string} password */
  async function attempt(account, known, password) {
    const given = await digest(password, known.salt);
    const name = known.hash && account;
    if (!same(given.toString("hex"), known.hash)) {
      const times = (wrong.get(name) ?? 0) + 1;
      wrong.set(name, times);
      await new Promise((later) => setTimeout(later, Math.min(400 * 2 ** (times - 1), SLOWEST)));
      throw new Reply(401, "The account or the password is not known.");
    }
    wrong.delete(name);
    const until = String(Date.now() + SESSION);
    return JSON.stringify({ token: `${account}:${until}:${seals(known.hash, account, until)}` });
  }

  /** Whose session it is; a new password ends those before it. @param {string | undefined} authorization */
  async function accountOf(authorization) {
    const [account, until, seal] = (authorization ?? "").replace(/^Bearer /, "").split(":");
    const { hash: key } = NAME.test(account) ? await knownOf(account) : { hash: "" };
    if (!key || !(Number(until) > Date.now()) || !same(seal ?? "", seals(key, account, until))) {
      throw new Reply(401, "Sign in again.");
    }
    return account;
  }

  /** What is kept of a record; what cannot be read is put aside, since devices have it all. @param {string} file */
  async function kept(file) {
    const text = await disk.read(file);
    try {
      return text === null ? create("server") : open(text, "server", { own: true });
    } catch (error) {
      if (!(error instanceof Refusal) || error.reason === "newer") throw error;
      await disk.putAside(file);
      console.error(`${file} could not be read and was put aside: ${error.message}`);
      return create("server");
    }
  }

  /** @param {string} account @param {string} text */
  async function take(account, text) {
    const file = `${account}.record.json`;
    const sent = open(text, "server");
    const record = await kept(file);
    merge(record, sent);
    const whole = seal(record);
    if (whole.length > LARGEST) throw new Reply(413, "The record has become too large.");
    await disk.write(file, whole);
    return whole;
  }

  /** @param {string} queue @param {() => Promise<string>} change */
  function inTurn(queue, change) {
    const turn = (turns.get(queue) ?? Promise.resolve()).then(change);
    const over = turn.then(
      () => {},
      () => {},
    );
    turns.set(queue, over);
    over.then(() => turns.get(queue) === over && turns.delete(queue));
    return turn;
  }

  /** @param {import("node:http").IncomingMessage} request */
  async function answer(request) {
    if (request.method === "POST" && request.url === "/session") return signIn(parsed(await body(request)));
    if (request.method === "PUT" && request.url === "/record") {
      const account = await accountOf(request.headers.authorization);
      const text = await body(request);
      return inTurn(account, () => take(account, text));
    }
    throw new Reply(404, "There is nothing here.");
  }

  return createServer(async (request, response) => {
    response.setHeader("Access-Control-Allow-Origin", origin);
    response.setHeader("Access-Control-Allow-Headers", "authorization, content-type");
    response.setHeader("Access-Control-Allow-Methods", "POST, PUT");
    response.setHeader("Cache-Control", "no-store");
    response.setHeader("Content-Type", "application/json");
    response.setHeader("X-Content-Type-Options", "nosniff");
    if (request.method === "OPTIONS") {
      response.writeHead(204).end();
      return;
    }
    try {
      response.end(await answer(request));
    } catch (error) {
      const status = error instanceof Reply ? error.status : error instanceof Refusal ? REFUSED[error.reason] : 500;
      if (status === 500) console.error(error);
      const sentence = status === 500 ? "The server failed." : /** @type {Error} */ (error).message;
      response.writeHead(status).end(JSON.stringify({ sentence }));
    }
  });
}

/** @param {import("node:http").IncomingMessage} request */
async function body(request) {
  const pieces = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size > 2 * LARGEST) throw new Reply(413, "That is too large.");
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Reply(400, "That is not JSON.");
  }
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { data: { type: "string" }, origin: { type: "string" }, port: { type: "string", default: "8765" } },
  });
  const [command, name] = positionals;
  if (command === "add" && name && values.data) {
    let password = "";
    for await (const piece of stdin) password += piece;
    await add(values.data, name, password.trimEnd());
    console.log(`${name} may sign in.`);
  } else if (command === "serve" && values.data && values.origin) {
    const server = accounts(values.data, values.origin).listen(Number(values.port), "127.0.0.1");
    server.on("listening", () => {
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
      console.log(`Serving accounts on http://127.0.0.1:${port}`);
    });
  } else {
    console.error(
      "server.js add NAME --data FOLDER < password\nserver.js serve --data FOLDER --origin URL [--port 8765]",
    );
    exit(2);
  }
}

if (import.meta.url === pathToFileURL(realpathSync(argv[1])).href) {
  main().catch((error) => {
    console.error(error instanceof Reply ? error.message : error);
    exit(1);
  });
}
