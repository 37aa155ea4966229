// Says whether what is seen is live, and when the reader's session is over. Where a part is exchanged, focus and scrolling stay where they were.

/** The login, and from there back to this page. */
export function loginAgain() {
  const { pathname, search } = window.location;
  return `/login?${new URLSearchParams({ next: pathname + search, why: "ended" })}`;
}

/** The reader's session is over. The page stays as it is, with whatever is typed in its forms. */
function sayEnded(root, state) {
  const words = root.querySelector("[data-session-ended]");
  if (!words) return;
  state.hidden = true;
  words.querySelector("[data-login-again]").href = loginAgain();
  words.hidden = false;
  words.scrollIntoView({ block: "nearest" });
}

export function watchLive(root) {
  const state = root.querySelector("[data-live-state]");
  if (!state) return;
  const say = (live) => {
    state.textContent = live ? state.dataset.live : state.dataset.lost;
    state.classList.toggle("lost", !live);
    state.hidden = false;
  };
  root.body.addEventListener("htmx:sseOpen", () => say(true));
  root.body.addEventListener("htmx:sseError", () => say(false));
  root.body.addEventListener("htmx:sseClose", (event) => {
    if (event.detail.type === "message") sayEnded(root, state);
  });
  let kept = null;
  root.body.addEventListener("htmx:sseBeforeMessage", (event) => {
    const scroll = event.target.querySelector?.(".table-scroll");
    const active = root.activeElement;
    const href = event.target.contains?.(active) ? active.getAttribute("href") : null;
    kept = { part: event.target, top: scroll?.scrollTop ?? 0, left: scroll?.scrollLeft ?? 0, href };
  });
  root.body.addEventListener("htmx:sseMessage", (event) => {
    if (!kept || kept.part !== event.target) return;
    const scroll = kept.part.querySelector(".table-scroll");
    if (scroll) scroll.scrollTo(kept.left, kept.top);
    if (kept.href) kept.part.querySelector(`a[href="${CSS.escape(kept.href)}"]`)?.focus({ preventScroll: true });
  });
}
