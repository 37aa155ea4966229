// The terminal with a script: forms are sent without leaving the page and sent again, unchanged, after a lost
// connection (the client id in them makes that harmless); the ticket says what it would do; everything by keyboard.
// Without it the same forms work as plain posts.

import { startKeys } from "./terminal_keys.js";
import { addSteps, isFar } from "./figures.js";
import { loginAgain } from "./live.js";

const swapped = ["answer", "ticket", "part-orders", "part-deals", "part-deposit", "part-messages"];
const pauses = [1000, 2000, 3000, 5000];
const triesMax = 24;
const previewPause = 700;

const wait = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

function say(root, text, lost = false) {
  const answer = document.getElementById("answer");
  answer.replaceChildren();
  if (!text) return;
  const line = document.createElement("p");
  line.className = lost ? "connection lost" : "connection";
  line.textContent = text;
  answer.append(line);
}

/** Posts until there is an answer of the exchange; the body stays the same, and with it the client id. */
async function post(root, url, body) {
  for (let attempt = 0; attempt < triesMax; attempt += 1) {
    try {
      const response = await fetch(url, { method: "POST", body, headers: { Accept: "text/html" }, redirect: "follow" });
      if (response.status !== 502 && response.status !== 504) return response;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    say(root, root.dataset.retrying, true);
    await wait(pauses[Math.min(attempt, pauses.length - 1)]);
  }
  return null;
}

function show(root, html, response) {
  const page = new DOMParser().parseFromString(html, "text/html");
  if (!page.getElementById("ticket")) {
    // A refusal before the form was read: its words, here; the ticket stays as it was typed.
    const words = page.querySelector("main");
    if (new URL(response.url).pathname === "/login") {
      keepTicket();
      window.location.assign(loginAgain());
    }
    else if (words) document.getElementById("answer").replaceChildren(...words.childNodes);
    return;
  }
  for (const id of swapped) {
    const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
    if (old && fresh) old.replaceChildren(...fresh.childNodes);
  }
  // A change that was made is over: the page loaded again must not ask for it once more.
  const place = new URL(window.location.href);
  if (place.searchParams.has("amend") && !ticket()?.elements.order) {
    place.searchParams.delete("amend");
    place.hash = "";
    window.history.replaceState(null, "", place);
  }
}

async function send(root, form, submitter) {
  if (form.dataset.busy) return;
  form.dataset.busy = "yes";
  const body = new URLSearchParams(new FormData(form, submitter));
  say(root, root.dataset.sending);
  try {
    // The attribute: a button named action hides the property of that name.
    const response = await post(root, form.getAttribute("action"), body);
    if (response === null) {
      say(root, root.dataset.failed, true);
      return;
    }
    show(root, await response.text(), response);
    const again = document.getElementById("field-price");
    if (document.querySelector("#answer .notice-danger, #answer .notice-warning")) document.getElementById("answer").focus();
    else if (form.hasAttribute("data-ticket") && again) again.focus();
  } finally {
    delete form.dataset.busy;
  }
}

function ticket() { return document.querySelector("[data-ticket]"); }

// What was typed outlives a session that is over: it is kept in this tab on the way to the login, and put back where the
// same participant comes back to the same ticket. The client id is made anew with the page: nothing was sent.
const keptUnder = "kirmash-ticket";
const notKept = ["csrf", "client_id", "confirmed"];

function whose(form) {
  const { pathname, search } = window.location;
  return [pathname + search, form.getAttribute("action"), document.querySelector(".role .code")?.title ?? ""].join(" ");
}

function keepTicket() {
  const form = ticket();
  if (!form) return;
  const fields = [...new FormData(form)].filter(([name]) => !notKept.includes(name));
  window.sessionStorage.setItem(keptUnder, JSON.stringify({ whose: whose(form), fields }));
}

function restoreTicket() {
  const kept = JSON.parse(window.sessionStorage.getItem(keptUnder) ?? "null");
  window.sessionStorage.removeItem(keptUnder);
  const form = ticket();
  if (!kept || !form || kept.whose !== whose(form)) return;
  for (const box of form.querySelectorAll('input[type="checkbox"]')) box.checked = false;
  for (const [name, value] of kept.fields) {
    const field = form.elements.namedItem(name);
    if (field?.type === "checkbox") field.checked = true;
    else if (field) field.value = value;
  }
  hintFar();
  preview();
}

/** The answer to a question about a price holds for that price only: with another, the button says what it did. */
function takeBackAnswer(form) {
  const button = form.querySelector("button[data-plain]");
  if (!button) return;
  button.textContent = button.dataset.plain;
  delete button.dataset.plain;
  form.querySelector('input[name="confirmed"]')?.remove();
  document.querySelector("#answer .notice-warning")?.remove();
}

function hintFar() {
  const form = ticket();
  const hint = form?.querySelector("[data-far-hint]");
  if (!hint || !form.dataset.anchor) return;
  // Of a price that was asked about, or an order that would be refused, the page itself says more.
  const said = form.querySelector("button[data-plain], #preview .notice-warning") !== null;
  const far = !said && isFar(form.elements.price.value, form.dataset.anchor, document.documentElement.lang);
  hint.hidden = !far;
  hint.textContent = far ? form.dataset.far : "";
}

let pending = 0;

/** What the order would do, a little after the last change; an older answer never replaces a newer one. */
async function preview() {
  const form = ticket();
  const shown = document.getElementById("preview");
  if (!form || !shown) return;
  pending += 1;
  const mine = pending;
  if (!form.elements.price.value || !form.elements.quantity.value) {
    shown.replaceChildren();
    return;
  }
  await wait(previewPause);
  if (mine !== pending) return;
  try {
    const body = new URLSearchParams(new FormData(form));
    const response = await fetch(form.dataset.preview, { method: "POST", body, headers: { Accept: "text/html" } });
    if (mine !== pending || ticket() !== form) return;
    if (response.status === 429) preview();
    else if (response.ok) {
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      if (mine === pending) {
        shown.replaceChildren(...page.body.childNodes);
        hintFar();
      }
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

function fill(link) {
  const form = ticket();
  if (!form || form.elements.order) return false;
  form.elements.price.value = link.dataset.price;
  takeBackAnswer(form);
  const side = form.querySelector(`input[name="side"][value="${link.dataset.side}"]`);
  if (side) side.checked = true;
  form.elements.quantity.focus();
  hintFar();
  preview();
  return true;
}

function start(root) {
  root.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.hasAttribute("data-send")) return;
    event.preventDefault();
    pending += 1;
    send(root, form, event.submitter);
  });
  root.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-price]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && fill(link)) event.preventDefault();
  });
  root.addEventListener("input", (event) => {
    if (!event.target.closest?.("[data-ticket]")) return;
    // A far price was confirmed as it stood; another one is asked about anew by the server.
    if (event.target.name === "price") takeBackAnswer(ticket());
    hintFar();
    preview();
  });
  root.addEventListener("keydown", (event) => {
    const field = event.target;
    const form = ticket();
    if (!form || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
    if (field !== form.elements.price && field !== form.elements.quantity) return;
    event.preventDefault();
    if (field === form.elements.price) takeBackAnswer(form);
    const step = field === form.elements.price ? form.dataset.tick : form.dataset.lot;
    field.value = addSteps(field.value, step, event.key === "ArrowUp" ? 1n : -1n, document.documentElement.lang);
    hintFar();
    preview();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-login-again]")) keepTicket();
  });
  startKeys(root);
  restoreTicket();
}

const root = document.querySelector("[data-terminal]");
if (root) start(root);
