/** Sign in to the account server that the instructor has set up, and out. */
import { make } from "./elements.js";

/** @typedef {import("./sync.js").Sync} Sync */

/** @param {HTMLElement} keeping @param {Sync} sync */
export function openAccount(keeping, sync) {
  const account = make("input", { type: "text", id: "account-name", autocomplete: "username", required: "" });
  const password = make("input", {
    type: "password",
    id: "account-password",
    autocomplete: "current-password",
    required: "",
  });
  const enter = make("button", { type: "submit", class: "record-button" }, "Sign in");
  const leave = make("button", { type: "button", class: "record-button" }, "Sign out");
  const form = make(
    "form",
    {},
    make("label", { for: account.id }, "Account", account),
    make("label", { for: password.id }, "Password", password),
    enter,
  );
  const drop = make("button", { type: "button", class: "record-button danger" }, "Erase it here, then sign in");
  const add = make("button", { type: "button", class: "record-button" }, "Add it to this account");
  const whose = make("p", { tabindex: "-1" });
  const choice = make("div", { class: "record-choice", hidden: "" }, whose, drop, " ", add);
  const said = make("p", { role: "status" });
  const box = make("div", { class: "record-account" }, make("h3", {}, "Account"), form, choice, leave, said);
  keeping.append(box);

  const enterNow = async ({ empty = false } = {}) => {
    choice.hidden = true;
    enter.disabled = true;
    await sync.signIn(account.value.trim(), password.value, { empty });
    password.value = "";
    enter.disabled = false;
    (sync.standing().signedIn ? leave : password).focus();
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const other = sync.owner();
    if (!other || other === account.value.trim()) {
      enterNow();
      return;
    }
    whose.textContent = `The record in this browser belongs to the account ${other}. What should become of it?`;
    choice.hidden = false;
    whose.focus();
  });
  drop.addEventListener("click", () => enterNow({ empty: true }));
  add.addEventListener("click", () => enterNow());
  leave.addEventListener("click", () => {
    sync.signOut();
    account.focus();
  });
  sync.hears(() => {
    const { signedIn, sentence } = sync.standing();
    form.hidden = signedIn;
    leave.hidden = !signedIn;
    said.textContent = sentence;
  });
}

/** On a page without the form, what keeps the record from being sent. @param {Sync} sync */
export function whisper(sync) {
  const said = make("p", { class: "record-account-said", role: "status" });
  document.querySelector("article")?.append(said);
  sync.hears(() => {
    const { sentence, trouble } = sync.standing();
    said.textContent = trouble ? sentence : "";
  });
}
