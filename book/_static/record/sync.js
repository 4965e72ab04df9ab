/**
 * Keeps the record in step with the account server that the instructor has set up.
 *
 * Everything is saved here first. When the server answers, both have what either had; when it does not, a sentence
 * says so and another try follows. What it sends is read as an import is: refused whole where it is not a record.
 */
import { Refusal } from "./content.js";

const PATIENCE = 10_000;
const [SOON, LATER] = [1_000, 30_000];

const LAPSED = "The account server asks you to sign in again. Your record is kept here.";
const OUT = "Signed out. Your record stays in this browser.";
const AWAY = "The account server does not answer. Your record is kept here, and is sent when it does.";

/**
 * Whose record this is. Without a token they signed out, or the session lapsed; `erased` is the place in
 * the record's order up to which they erased everything and the server has not been told.
 *
 * @typedef {ReturnType<typeof openSync>} Sync
 * @typedef {{account: string, token: string, lapsed?: boolean, erased?: number}} Session
 */

/**
 * @param {string} server its address; empty where there is none, and then nothing is ever sent
 * @param {string} key under which the browser keeps who is signed in
 * @param {import("./store.js").Store} store
 * @param {Pick<Window, "localStorage" | "addEventListener">} window
 */
export function openSync(server, key, store, window) {
  /** @type {Session | null} */
  let session = remembered();
  /** What was on record when it was last in step. */
  let sent = "";
  let sentence = session?.lapsed ? LAPSED : "";
  /** Raised by whatever makes the reply that is awaited one to somebody else. */
  let turn = 0;
  /** @type {Promise<void> | null} */
  let asking = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let next;
  let due = Infinity;
  /** @type {Set<() => void>} */
  const shown = new Set();

  /** @returns {Session | null} */
  function remembered() {
    try {
      const found = JSON.parse(window.localStorage.getItem(key) ?? "null");
      return typeof found?.account === "string" && typeof found?.token === "string" ? found : null;
    } catch {
      return null;
    }
  }

  /** @param {Session | null} found */
  function remember(found) {
    session = found;
    try {
      if (found) window.localStorage.setItem(key, JSON.stringify(found));
      else window.localStorage.removeItem(key);
    } catch {
      // The session then lasts as long as the page.
    }
  }

  /** @param {string} words */
  function say(words) {
    sentence = words;
    for (const show of shown) show();
  }

  /** @param {string} method @param {string} path @param {string} text @param {string} [token] */
  async function request(method, path, text, token) {
    /** @type {Record<string, string>} */
    const headers = { "content-type": "application/json" };
    if (token) headers.authorization = `Bearer ${token}`;
    const reply = await fetch(`${server}${path}`, {
      method,
      headers,
      body: text,
      signal: AbortSignal.timeout(PATIENCE),
      credentials: "omit",
    });
    return { status: reply.status, text: await reply.text() };
  }

  /** Send what is here, take in what is there; one at a time. @returns {Promise<void>} */
  function step() {
    asking ??= exchange().finally(() => {
      asking = null;
    });
    return asking;
  }

  async function exchange() {
    rest();
    const [mine, at] = [session, turn];
    if (!mine?.token) return;
    const before = store.mark();
    try {
      const reply = await request("PUT", "/record", store.takeOut(), mine.token);
      if (at !== turn) return;
      if (reply.status === 401) {
        lapse(mine);
        return;
      }
      if (reply.status === 400 || reply.status === 413) {
        sent = store.mark();
        const reason = reasonOf(reply.text);
        say(`The account server refuses this record${reason && `: ${reason}`} Your record is kept here.`);
        return;
      }
      if (reply.status !== 200) throw new Refusal("not ours", "");
      const meanwhile = store.mark() !== before;
      store.bringIn(reply.text);
      sent = meanwhile ? "" : store.mark();
      if (mine.erased !== undefined) {
        store.eraseUntil(mine.erased);
        const told = await request("PUT", "/record", store.takeOut(), mine.token);
        if (at !== turn) return;
        if (told.status !== 200) throw new Refusal("not ours", "");
        sent = store.mark();
        remember({ account: mine.account, token: mine.token });
      }
      say(`In step with the account ${mine.account}.`);
      if (store.mark() === sent) rest();
      else plan(SOON);
    } catch (error) {
      if (at !== turn) return;
      say(
        error instanceof Refusal
          ? "The account server answered with something that is no record. Nothing was taken from it; your record is kept here."
          : AWAY,
      );
      plan(LATER);
    }
  }

  /** The server does not know a session, unless another tab has a new one already. @param {Session} mine */
  function lapse(mine) {
    const now = remembered();
    if (now?.token && now.token !== mine.token) {
      session = now;
      plan(0);
      return;
    }
    remember({ ...mine, token: "", lapsed: true });
    say(LAPSED);
  }

  function rest() {
    clearTimeout(next);
    due = Infinity;
  }

  /** Try again after a delay, or sooner if that is planned. @param {number} delay */
  function plan(delay) {
    const moment = Date.now() + delay;
    if (moment >= due) return;
    clearTimeout(next);
    due = moment;
    next = setTimeout(step, delay);
  }

  /** @param {string} account @param {string} password @param {{empty: boolean}} options empty: without what is here */
  async function signIn(account, password, { empty }) {
    const at = (turn += 1);
    try {
      const reply = await request("POST", "/session", JSON.stringify({ account, password }));
      if (at !== turn) return;
      if (reply.status === 401 || reply.status === 400) {
        say("The account server does not know this account with this password. Your record is kept here.");
        return;
      }
      if (reply.status === 429 || reply.status === 503) {
        say(`${reasonOf(reply.text) || "The account server asks you to try again later."} Your record is kept here.`);
        return;
      }
      const token = JSON.parse(reply.text)?.token;
      if (reply.status !== 200 || typeof token !== "string" || !token) throw new Refusal("not ours", "");
      if (empty) store.erase(false);
      const erased = session?.account === account ? session.erased : undefined;
      remember({ account, token, ...(erased !== undefined && { erased }) });
      await asking;
      await step();
    } catch (error) {
      if (at !== turn) return;
      say(
        error instanceof Refusal || error instanceof SyntaxError
          ? "The account server answered with something that is no session. Your record is kept here."
          : "The account server does not answer. Your record is kept here.",
      );
    }
  }

  function signOut() {
    turn += 1;
    rest();
    if (session) remember({ account: session.account, token: "" });
    say(OUT);
  }

  /** Whose record this browser holds, if that is known and there is one. */
  function owner() {
    return store.isEmpty() ? "" : (session?.account ?? "");
  }

  /** Who is signed in, what to say of the server, and whether that is trouble. */
  function standing() {
    const trouble = Boolean(session?.token || session?.lapsed) && !sentence.startsWith("In step");
    return { signedIn: Boolean(session?.token), sentence, trouble };
  }

  /** Be told of every change, and at once. @param {() => void} show */
  function hears(show) {
    shown.add(show);
    show();
  }

  /**
   * Erase everything here and, for whoever is signed in, there.
   *
   * @returns {Promise<string>} what came of it
   */
  async function eraseAll() {
    turn += 1;
    rest();
    if (!session?.token && !session?.lapsed) {
      const whose = session?.account;
      store.erase(false);
      remember(null);
      return whose
        ? `Erased in this browser. The account ${whose}, which you signed out of, keeps its record.`
        : "Erased.";
    }
    const { account, token } = session;
    const erased = store.latest();
    store.erase(true);
    remember({ ...session, erased });
    if (!token)
      return `Erased in this browser. The account ${account} still holds a record; sign in here and it is erased too.`;
    await asking;
    await step();
    if (session?.erased === undefined) return `Erased, here and in the account ${account}.`;
    return `Erased in this browser. The server has not confirmed that it erased the account ${account}; it is asked again until it does.`;
  }

  if (server) {
    store.follows(() => {
      if (session?.token && store.mark() !== sent) plan(SOON);
    });
    if (session?.token) plan(0);
    window.addEventListener("online", () => session?.token && plan(0));
    // Another tab has signed in or out.
    window.addEventListener("storage", (event) => {
      if (event.key !== key && event.key !== null) return;
      const before = session;
      session = remembered();
      if (session?.token === before?.token) return;
      turn += 1;
      rest();
      say(session?.token ? "" : session?.lapsed ? LAPSED : OUT);
      if (session?.token) plan(0);
    });
  }
  return { signIn, signOut, owner, standing, hears, eraseAll };
}

/** What a server says of why it refuses, if it says so. @param {string} text */
function reasonOf(text) {
  try {
    const { sentence: words } = JSON.parse(text);
    return typeof words === "string" ? words.slice(0, 200) : "";
  } catch {
    return "";
  }
}
