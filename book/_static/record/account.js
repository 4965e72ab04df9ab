// @ts-check
/**
 * Keeps the record in step with the account server that the instructor has set up.
 *
 * Everything is saved here first. When the server answers, both have what either had; when it does not, a sentence
 * says so and another try follows. What it sends is read as an import is: refused whole where it is not a record.
 */
import { Refusal } from "./content.js";
import { make } from "./questions.js";
import { bringIn, follows, takeOut } from "./store.js";

const SERVER = /** @type {HTMLMetaElement | null} */ (document.querySelector('meta[name="account-server"]'))?.content ?? "";
const KEY = `serving-by-the-numbers:${new URL("../../", import.meta.url).pathname}:account`;
const PATIENCE = 10_000;
const [SOON, LATER] = [1_000, 30_000];

const LAPSED = "The account server asks you to sign in again. Your record is kept here.";

/** Who is signed in; without a token, who was. @type {{account: string, token: string} | null} */
let session = remembered();
let sent = "";
let sentence = session?.token === "" ? LAPSED : "";
let asking = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let next;
/** @type {Set<() => void>} */
const shown = new Set();

function remembered() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "null");
    return typeof found?.account === "string" && typeof found?.token === "string" ? found : null;
  } catch {
    return null;
  }
}

/** @param {{account: string, token: string} | null} found */
function remember(found) {
  session = found;
  try {
    if (found) localStorage.setItem(KEY, JSON.stringify(found));
    else localStorage.removeItem(KEY);
  } catch {
    // The session then lasts as long as the page.
  }
}

/** @param {string} words */
function say(words) {
  sentence = words;
  for (const show of shown) show();
}

/** @param {string} method @param {string} path @param {string} text */
async function request(method, path, text) {
  /** @type {Record<string, string>} */
  const headers = { "content-type": "application/json" };
  if (path === "/record" && session) headers.authorization = `Bearer ${session.token}`;
  const reply = await fetch(`${SERVER}${path}`, { method, headers, body: text, signal: AbortSignal.timeout(PATIENCE), credentials: "omit" });
  return { status: reply.status, text: await reply.text() };
}

/** Send what is here, take in what is there. */
async function step() {
  clearTimeout(next);
  next = undefined;
  if (!session?.token) return;
  if (asking) {
    plan(SOON);
    return;
  }
  asking = true;
  const text = takeOut();
  let again = LATER;
  try {
    const reply = await request("PUT", "/record", text);
    if (reply.status === 401) {
      asking = false;
      remember({ account: session.account, token: "" });
      say(LAPSED);
      return;
    }
    if (reply.status !== 200) throw new Refusal("not ours", "");
    const meanwhile = takeOut() !== text;
    bringIn(reply.text);
    sent = takeOut();
    say(`In step with the account ${session.account}.`);
    again = meanwhile ? SOON : 0;
  } catch (error) {
    say(
      error instanceof Refusal
        ? "The account server answered with something that is no record. Nothing was taken from it; your record is kept here."
        : "The account server does not answer. Your record is kept here, and is sent when it does.",
    );
  }
  asking = false;
  clearTimeout(next);
  next = undefined;
  if (again) plan(again);
}

/** @param {number} delay */
function plan(delay) {
  clearTimeout(next);
  next = setTimeout(step, delay);
}

/** @param {string} account @param {string} password */
async function signIn(account, password) {
  try {
    const reply = await request("POST", "/session", JSON.stringify({ account, password }));
    if (reply.status === 401 || reply.status === 400) {
      say("The account server does not know this account with this password. Your record is kept here.");
      return;
    }
    const token = JSON.parse(reply.text)?.token;
    if (reply.status !== 200 || typeof token !== "string") throw new Refusal("not ours", "");
    remember({ account, token });
    await step();
  } catch (error) {
    say(
      error instanceof Refusal || error instanceof SyntaxError
        ? "The account server answered with something that is no session. Your record is kept here."
        : "The account server does not answer. Your record is kept here.",
    );
  }
}

/** @param {HTMLElement} keeping */
function open(keeping) {
  const account = make("input", { type: "text", id: "account-name", autocomplete: "username", required: "" });
  const password = make("input", { type: "password", id: "account-password", autocomplete: "current-password", required: "" });
  const enter = make("button", { type: "submit", class: "record-button" }, "Sign in");
  const leave = make("button", { type: "button", class: "record-button" }, "Sign out");
  const form = make("form", {}, make("label", { for: account.id }, "Account", account), make("label", { for: password.id }, "Password", password), enter);
  const said = make("p", { role: "status" });
  const box = make("div", { class: "record-account" }, make("h3", {}, "Account"), form, leave, said);
  keeping.append(box);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    enter.disabled = true;
    await signIn(account.value.trim(), password.value);
    password.value = "";
    enter.disabled = false;
    (session?.token ? leave : password).focus();
  });
  leave.addEventListener("click", () => {
    remember(null);
    clearTimeout(next);
    say("Signed out. Your record stays in this browser.");
    account.focus();
  });
  const show = () => {
    form.hidden = Boolean(session?.token);
    leave.hidden = !session?.token;
    if (session?.token) box.dataset.signedIn = session.account;
    else delete box.dataset.signedIn;
    said.textContent = sentence;
  };
  shown.add(show);
  show();
}

/** On a page without the form, what keeps the record from being sent. */
function whisper() {
  const said = make("p", { class: "record-account-said", role: "status" });
  document.querySelector("article")?.append(said);
  const show = () => {
    const fine = !session || sentence.startsWith("In step");
    said.textContent = fine ? "" : sentence;
  };
  shown.add(show);
  show();
}

if (SERVER) {
  if (!document.querySelector(".record-keeping")) whisper();
  for (const keeping of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".record-keeping"))) open(keeping);
  follows(() => {
    if (session?.token && takeOut() !== sent) plan(SOON);
  });
  if (session?.token) plan(0);
  addEventListener("online", () => plan(0));
}
