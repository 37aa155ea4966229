// The terminal with a script: forms are sent without leaving the page and sent again, unchanged, after a lost
// connection (the client id in them makes that harmless); the ticket says what it would do; everything by keyboard.
// Without it the same forms work as plain posts.

import { startKeys } from "./terminal_keys.js";
import { addSteps, isFar } from "./figures.js";

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
    if (new URL(response.url).pathname === "/login") window.location.assign(response.url);
    else if (words) document.getElementById("answer").replaceChildren(...words.childNodes);
    return;
  }
  for (const id of swapped) {
    const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
    if (old && fresh) old.replaceChildren(...fresh.childNodes);
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

function hintFar() {
  const form = ticket();
  const hint = form?.querySelector("[data-far-hint]");
  if (!hint || !form.dataset.anchor) return;
  const far = isFar(form.elements.price.value, form.dataset.anchor, document.documentElement.lang);
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
      if (mine === pending) shown.replaceChildren(...page.body.childNodes);
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

function fill(link) {
  const form = ticket();
  if (!form || form.elements.order) return false;
  form.elements.price.value = link.dataset.price;
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
    hintFar();
    preview();
  });
  root.addEventListener("keydown", (event) => {
    const field = event.target;
    const form = ticket();
    if (!form || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
    if (field !== form.elements.price && field !== form.elements.quantity) return;
    event.preventDefault();
    const step = field === form.elements.price ? form.dataset.tick : form.dataset.lot;
    field.value = addSteps(field.value, step, event.key === "ArrowUp" ? 1n : -1n, document.documentElement.lang);
    hintFar();
    preview();
  });
  startKeys(root);
}

const root = document.querySelector("[data-terminal]");
if (root) start(root);
