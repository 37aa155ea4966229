// Figures as decimal text: steps of a tick or lot, and whether a price is far from another. Integers only.

/** A typed figure as {digits, places}, or null where it is none. */
function read(text, language) {
  let plain = text.trim();
  if (/^\d{1,3}([\s\u00a0\u2007\u2009\u202f]\d{3})+([.,]\d+)?$/.test(plain)) plain = plain.replace(/\s/g, "");
  if (language === "ru" && /^\d+,\d+$/.test(plain)) plain = plain.replace(",", ".");
  if (language === "en" && /^\d{1,3}(,\d{3})+(\.\d+)?$/.test(plain)) plain = plain.replaceAll(",", "");
  if (!/^\d+(\.\d+)?$/.test(plain)) return null;
  const [whole, fraction = ""] = plain.split(".");
  return { digits: BigInt(whole + fraction), places: fraction.length };
}

const scaled = (figure, places) => figure.digits * 10n ** BigInt(places - figure.places);

/** The figure so many steps on, at the grid of the step, never below one step. */
export function addSteps(text, step, count, language) {
  const [figure, grid] = [read(text || "0", language), read(step, "en")];
  if (!figure || !grid) return text;
  const places = Math.max(figure.places, grid.places);
  const size = scaled(grid, places);
  let steps = scaled(figure, places) / size + count;
  if (count < 0n && scaled(figure, places) % size) steps += 1n;
  if (steps < 1n) steps = 1n;
  const shown = String(steps * scaled(grid, grid.places)).padStart(grid.places + 1, "0");
  if (!grid.places) return shown;
  return `${shown.slice(0, -grid.places)}.${shown.slice(-grid.places)}`;
}

/** Whether a price is more than a tenth away from the anchor; the server asks the same. */
export function isFar(text, anchor, language) {
  const [figure, by] = [read(text, language), read(anchor, "en")];
  if (!figure || !by) return false;
  const places = Math.max(figure.places, by.places);
  const [given, base] = [scaled(figure, places), scaled(by, places)];
  const away = given > base ? given - base : base - given;
  return away * 10n > base;
}
