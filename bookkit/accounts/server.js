#!/usr/bin/env node
// @ts-check
/**
 * An account server for the learner's record: it keeps one record for each account and merges what devices send.
 *
 *   node bookkit/accounts/server.js add NAME --data FOLDER       reads a password from standard input
 *   node bookkit/accounts/server.js serve --data FOLDER --origin https://site [--port 8765] [--proxies 1]
 *
 * It speaks plain HTTP and listens on this machine alone: put it behind whatever serves https.
 *
 * ## Guesses
 *
 * Wrong passwords are counted, and nobody waits for them: an attempt is answered as soon as its password is hashed, or
 * at once with 429 and a Retry-After. What is counted is paid for before the hash, so that many attempts at once are
 * no way around it, and is given back if the password was right. There are three allowances, each of a number of
 * wrong passwords at once and one more in a while (ALLOWED):
 *
 * - of an address at an account, which bounds a guesser, and whom it can hold up: those who share its address;
 * - of an account, from all addresses that have not signed in to it: it bounds guessers who have many addresses. While
 *   they use it up, its owner can sign in where they have before, and sessions go on everywhere;
 * - of an address, at all accounts that it has not signed in to, which bounds trying one password on each of a class.
 *
 * A right password settles what the address has spent on that account, and nothing else. Names that are no account's
 * are hashed, counted and refused as accounts are, in counts of their own: neither time nor 429 tells which names
 * there are, and making names up pushes no count of an account out of memory.
 *
 * Hashing is bounded too: so many at a time, and of those that wait each address in turn, those first that have signed
 * in to the account. Whoever would have too many before them (HASHES) is told 503 and when to try again.
 *
 * All of this is in memory and bounded: counts that have run out are dropped, accounts keep their last addresses
 * (KNOWN), and a restart forgets all. An address of IPv6 is its network of 64 bits, since a guesser has as many others
 * there as they like.
 *
 * The address is the connection's. Behind a proxy that is the proxy's, so that all share one and a guesser can keep
 * others from signing in: say how many proxies there are (`--proxies 1`), and the address is what the outermost of
 * them has added to X-Forwarded-For. Without that the header is not believed, since whoever asks can write it.
 */
import { createHmac, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { realpathSync } from "node:fs";
import { mkdir, open as openFile, readFile, rename } from "node:fs/promises";
import { createServer } from "node:http";
import { isIP } from "node:net";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { argv, exit, stdin } from "node:process";
import { pathToFileURL } from "node:url";
import { parseArgs, promisify } from "node:util";

import { LARGEST, Refusal, create, merge, open, seal } from "../../book/_static/record/content.js";

const hash = promisify(scrypt);
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const SESSION = 30 * 864e5;
const REFUSED = { "not ours": 400, newer: 400, "too large": 413 };
/** Wrong passwords: how many at once, and the milliseconds to one more. */
const ALLOWED = {
  pair: { many: 10, every: 60_000 },
  account: { many: 100, every: 60_000 },
  address: { many: 100, every: 6_000 },
};
/** How many counts of a kind are kept, beyond which the oldest go. */
const COUNTS = 20_000;
/** How many addresses that have signed in to an account are kept. */
const KNOWN = 20;
/** How many passwords are hashed at a time, which leaves threads to read and write files, and how many may be ahead. */
const HASHES = { atOnce: 2, waiting: 32 };
/** Of a request to sign in, in characters. */
const LONGEST = 4_096;

/** What the client is told, with a status, and in how many seconds to try again. */
class Reply extends Error {
  /** @param {number} status @param {string} sentence @param {number} [after] */
  constructor(status, sentence, after) {
    super(sentence);
    this.status = status;
    this.after = after;
  }
}

/** How often each of some keys may still do something. */
class Allowance {
  /** When what a key has spent is given back. @type {Map<string, number>} */
  #until = new Map();

  /** @param {{many: number, every: number}} allowed */
  constructor({ many, every }) {
    this.most = many * every;
    this.every = every;
  }

  /** How long a key must wait, in milliseconds. @param {string} key */
  wait(key) {
    return Math.max(0, this.#spent(key) + this.every - this.most);
  }

  /** @param {string} key */
  spend(key) {
    this.#set(key, this.#spent(key) + this.every);
  }

  /** @param {string} key */
  giveBack(key) {
    this.#set(key, this.#spent(key) - this.every);
  }

  /** @param {string} key */
  settle(key) {
    this.#until.delete(key);
  }

  /** @param {string} key */
  #spent(key) {
    return Math.max(0, (this.#until.get(key) ?? 0) - performance.now());
  }

  /** @param {string} key @param {number} spent */
  #set(key, spent) {
    this.#until.delete(key);
    if (spent > 0) this.#until.set(key, performance.now() + spent);
    // Those at the front were set longest ago.
    for (const [oldest, until] of this.#until) {
      if (until > performance.now() && this.#until.size <= COUNTS) break;
      this.#until.delete(oldest);
    }
  }
}

/** Who may guess at what, and from where. Accounts and names that are none have counts of their own. */
class Guesses {
  #pairs = new Allowance(ALLOWED.pair);
  #accounts = new Allowance(ALLOWED.account);

  /** @param {Allowance} addresses */
  constructor(addresses) {
    this.addresses = addresses;
  }

  /**
   * Pay for an attempt before it is made.
   *
   * @param {string} account
   * @param {string} address
   * @param {boolean} known whether the address has signed in to the account
   * @returns {{giveBack: () => void, settle: () => void}} for an attempt that was not made, and for one that was right
   */
  pay(account, address, known) {
    const pair = `${account} ${address}`;
    /** @type {[Allowance, string][]} */
    const shared = known
      ? []
      : [
          [this.#accounts, account],
          [this.addresses, address],
        ];
    /** @type {[Allowance, string][]} */
    const all = [[this.#pairs, pair], ...shared];
    const wait = Math.max(...all.map(([allowance, key]) => allowance.wait(key)));
    if (wait > 0) {
      const after = Math.ceil(wait / 1000);
      throw new Reply(
        429,
        `There were too many wrong passwords. Try again in ${after} second${after > 1 ? "s" : ""}.`,
        after,
      );
    }
    for (const [allowance, key] of all) allowance.spend(key);
    const giveBack = () => all.forEach(([allowance, key]) => allowance.giveBack(key));
    return {
      giveBack,
      settle: () => {
        giveBack();
        this.#pairs.settle(pair);
      },
    };
  }
}

/** Work that is done so many at a time, for each address in turn. */
class Line {
  #busy = 0;
  /** @type {{turn: number, address: string, go: () => void}[]} */
  #waiting = [];

  /**
   * @template T
   * @param {string} address
   * @param {boolean} first whether it goes before all others
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  async enter(address, first, work) {
    if (this.#busy >= HASHES.atOnce) await this.#wait(address, first);
    else this.#busy += 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next.go();
      else this.#busy -= 1;
    }
  }

  /** @param {string} address @param {boolean} first */
  #wait(address, first) {
    const turn = first ? 0 : 1 + this.#waiting.filter((other) => other.turn && other.address === address).length;
    const ahead = this.#waiting.filter((other) => other.turn <= turn).length;
    if (ahead >= HASHES.waiting) throw new Reply(503, "Too many are signing in at once. Try again in 2 seconds.", 2);
    return new Promise((/** @type {(value?: undefined) => void} */ go) =>
      this.#waiting.splice(ahead, 0, { turn, address, go }),
    );
  }
}

/** An address, or the network that it can choose any other of. @param {string} address */
function network(address) {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (isIP(plain) !== 6) return plain;
  const [head, tail] = plain
    .split("%")[0]
    .split("::")
    .map((half) => half.split(":").filter(Boolean));
  const groups = tail ? [...head, ...Array(8 - head.length - tail.length).fill("0"), ...tail] : head;
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}

/**
 * Where a request comes from.
 *
 * @param {import("node:http").IncomingMessage} request
 * @param {number} proxies whose word on it is believed
 */
function addressOf(request, proxies) {
  const told = String(request.headers["x-forwarded-for"] ?? "").split(",");
  const address = proxies > 0 ? (told.at(-proxies) ?? "").trim() : "";
  return network(isIP(address) ? address : (request.socket.remoteAddress ?? ""));
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
 * @param {{proxies?: number}} options proxies: how many there are before this server
 */
export function accounts(folder, origin, { proxies = 0 } = {}) {
  const disk = files(folder);
  /** One change of a record at a time. @type {Map<string, Promise<void>>} */
  const turns = new Map();
  const addresses = new Allowance(ALLOWED.address);
  const [guesses, guessesAtNobody] = [new Guesses(addresses), new Guesses(addresses)];
  /** From where passwords have been right, the latest last. @type {Map<string, Set<string>>} */
  const places = new Map();
  const line = new Line();
  let warned = false;

  /** @param {string} account @returns {Promise<{salt: string, hash: string}>} */
  async function knownOf(account) {
    return JSON.parse((await disk.read(`${account}.account.json`)) ?? '{"salt":"","hash":""}');
  }

  /** @param {any} asked @param {string} address */
  async function signIn(asked, address) {
    const account = named(String(asked?.account ?? ""));
    const known = await knownOf(account);
    const place = places.get(known.hash)?.has(address) ?? false;
    const paid = (known.hash ? guesses : guessesAtNobody).pay(account, address, place);
    const given = await line
      .enter(address, place, () => digest(String(asked?.password ?? ""), known.salt))
      .catch((error) => {
        paid.giveBack();
        throw error;
      });
    if (!same(given.toString("hex"), known.hash)) throw new Reply(401, "The account or the password is not known.");
    paid.settle();
    remember(known.hash, address);
    const until = String(Date.now() + SESSION);
    return JSON.stringify({ token: `${account}:${until}:${seals(known.hash, account, until)}` });
  }

  /** @param {string} password hashed: a new one has been signed in with nowhere @param {string} address */
  function remember(password, address) {
    const all = places.get(password) ?? new Set();
    places.set(password, all);
    all.delete(address);
    all.add(address);
    for (const oldest of all) if (all.size > KNOWN) all.delete(oldest);
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
    if (request.method === "POST" && request.url === "/session") {
      if (!warned && !proxies && request.headers["x-forwarded-for"]) {
        warned = true;
        console.error(
          "Requests come through a proxy: say how many there are (--proxies 1), or all count as one address.",
        );
      }
      return signIn(parsed(await body(request, LONGEST)), addressOf(request, proxies));
    }
    if (request.method === "PUT" && request.url === "/record") {
      const account = await accountOf(request.headers.authorization);
      const text = await body(request, 2 * LARGEST);
      return inTurn(account, () => take(account, text));
    }
    throw new Reply(404, "There is nothing here.");
  }

  return createServer(async (request, response) => {
    response.setHeader("Access-Control-Allow-Origin", origin);
    response.setHeader("Access-Control-Allow-Headers", "authorization, content-type");
    response.setHeader("Access-Control-Allow-Methods", "POST, PUT");
    response.setHeader("Access-Control-Expose-Headers", "Retry-After");
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
      if (error instanceof Reply && error.after) response.setHeader("Retry-After", error.after);
      response.writeHead(status).end(JSON.stringify({ sentence }));
    }
  });
}

/** @param {import("node:http").IncomingMessage} request @param {number} most characters */
async function body(request, most) {
  const pieces = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size > most) throw new Reply(413, "That is too large.");
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
    options: {
      data: { type: "string" },
      origin: { type: "string" },
      port: { type: "string", default: "8765" },
      proxies: { type: "string", default: "0" },
    },
  });
  const [command, name] = positionals;
  if (command === "add" && name && values.data) {
    let password = "";
    for await (const piece of stdin) password += piece;
    await add(values.data, name, password.trimEnd());
    console.log(`${name} may sign in.`);
  } else if (command === "serve" && values.data && values.origin && /^\d$/.test(values.proxies)) {
    const server = accounts(values.data, values.origin, { proxies: Number(values.proxies) }).listen(
      Number(values.port),
      "127.0.0.1",
    );
    server.on("listening", () => {
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
      console.log(`Serving accounts on http://127.0.0.1:${port}`);
    });
  } else {
    console.error(
      "server.js add NAME --data FOLDER < password\nserver.js serve --data FOLDER --origin URL [--port 8765] [--proxies 1]",
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
