// The terminal by keyboard. A key alone means something only outside fields, and can be switched off (WCAG 2.1.4). Side,
// price and quantity are reached from each other's fields, too: no figure has a letter in it.

const kept = "kirmash-terminal-keys";

const inFigures = new Set(["b", "s", "p", "q"]);
const isFigure = (element) => ["field-price", "field-quantity"].includes(element?.id);

/** The key by its place where a letter is Cyrillic: the same keys work whatever the keyboard is switched to. */
function keyOf(event) {
  const place = /^Key([A-Z])$/.exec(event.code);
  if (!place || !/^[\u0400-\u04ff]$/.test(event.key)) return event.key;
  return event.shiftKey ? place[1] : place[1].toLowerCase();
}

const isTyping = (element) => Boolean(element?.closest?.("input:not([type=radio]):not([type=checkbox]), select, textarea"));

function focusField(name) {
  const field = document.getElementById(`field-${name}`);
  if (!field) return;
  field.focus();
  field.select?.();
}

function chooseSide(side) {
  const choice = document.querySelector(`[data-ticket] input[name="side"][value="${side}"]`);
  if (!choice) return;
  choice.checked = true;
  choice.dispatchEvent(new Event("input", { bubbles: true }));
  focusField("price");
}

/** The next or previous instrument of the watch list, around its ends. */
function goAlong(step) {
  const links = [...document.querySelectorAll("a[data-watch]")];
  const at = links.findIndex((link) => link.hasAttribute("aria-current"));
  links[(at + step + links.length) % links.length]?.click();
}

function rows() { return [...document.querySelectorAll("tr[data-order]")]; }

/** The first own order, or the one after the one in focus. */
function goToOrders() {
  const all = rows();
  const at = all.indexOf(document.activeElement?.closest?.("tr[data-order]"));
  all[(at + 1) % all.length]?.focus();
}

function inRow(selector) {
  const row = document.activeElement?.closest?.("tr[data-order]");
  row?.querySelector(selector)?.click();
}

function press(value) {
  const form = document.querySelector("[data-ticket]");
  form?.querySelector(`button[name="action"][value="${value}"]`)?.click();
}

const actions = {
  b: () => chooseSide("buy"),
  s: () => chooseSide("sell"),
  p: () => focusField("price"),
  q: () => focusField("quantity"),
  c: () => press("check"),
  j: () => goAlong(1),
  k: () => goAlong(-1),
  o: goToOrders,
  a: () => inRow("a[data-amend]"),
  x: () => inRow("button"),
  X: () => document.querySelector('form[action$="/cancel-all"] button')?.click(),
  m: () => document.querySelector(".messages")?.focus(),
};

export function startKeys(root) {
  const dialog = document.getElementById("keys");
  const open = root.querySelector("[data-keys]");
  const switched = dialog.querySelector("[data-keys-on]");
  const isOn = () => window.localStorage.getItem(kept) !== "off";
  switched.checked = isOn();
  switched.addEventListener("change", () => window.localStorage.setItem(kept, switched.checked ? "on" : "off"));
  open.hidden = false;
  open.addEventListener("click", () => dialog.showModal());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
    if (event.key === "Escape" && root.contains(document.activeElement)) {
      document.activeElement.blur();
      return;
    }
    const key = keyOf(event);
    if (isTyping(event.target) && !(isFigure(event.target) && inFigures.has(key))) return;
    if (key === "?") {
      event.preventDefault();
      dialog.showModal();
      return;
    }
    const action = isOn() ? actions[key] : undefined;
    if (!action) return;
    event.preventDefault();
    action();
  });
}
