// Times: the server's clock, countdowns to the next phase, the reader's own time beside the exchange's.

const second = 1000;

/** The server's time less the browser's, in milliseconds, as of the page's making. */
function offsetOf(root) {
  const said = root.querySelector('meta[name="server-time"]')?.content;
  return said ? Date.parse(said) - Date.now() : 0;
}

/** Text of a span of time: 2 d 03:04:05, or 04:05 below an hour. */
export function spanText(milliseconds, days) {
  const total = Math.max(0, Math.floor(milliseconds / second));
  const two = (value) => String(value).padStart(2, "0");
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  if (hours >= 24) return `${Math.floor(hours / 24)} ${days} ${two(hours % 24)}:${two(minutes)}:${two(seconds)}`;
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${two(minutes)}:${two(seconds)}`;
}

function clockText(milliseconds, zone, language, seconds) {
  const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (seconds) options.second = "2-digit";
  if (zone) options.timeZone = zone;
  return new Intl.DateTimeFormat(language, options).format(milliseconds);
}

function sayReaderTimes(root, zone, language) {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const at = Date.now();
  if (clockText(at, zone, language) === clockText(at, own, language)) return;
  for (const it of root.querySelectorAll("[data-reader-from][hidden]")) {
    const from = clockText(Date.parse(it.dataset.readerFrom), own, language);
    const to = it.dataset.readerTo ? `–${clockText(Date.parse(it.dataset.readerTo), own, language)}` : "";
    it.textContent = `${it.dataset.label} ${from}${to}`;
    it.hidden = false;
  }
  for (const it of root.querySelectorAll("time[data-when]:not([title])")) {
    const options = { dateStyle: "medium", timeStyle: "medium", timeZone: own };
    it.title = `${new Intl.DateTimeFormat(language, options).format(Date.parse(it.dateTime))} ${own}`;
  }
}

export function startClock(root) {
  const offset = offsetOf(root);
  const language = root.documentElement.lang;
  const zone = root.querySelector('meta[name="exchange-zone"]')?.content;
  const tick = () => {
    const now = Date.now() + offset;
    for (const it of root.querySelectorAll("time[data-clock]")) {
      it.textContent = clockText(now, zone, language, true);
      it.dateTime = new Date(now).toISOString();
    }
    for (const it of root.querySelectorAll("[data-countdown]")) {
      const left = Date.parse(it.dataset.countdown) - now;
      it.textContent = left <= 0 ? it.dataset.over : it.dataset.in.replace("{span}", spanText(left, it.dataset.days));
      it.hidden = false;
    }
    sayReaderTimes(root, zone, language);
  };
  tick();
  setInterval(tick, second);
}
