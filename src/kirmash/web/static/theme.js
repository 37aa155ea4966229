// The colours: a link works without a script and asks the server; with one they change at once and the choice is kept.

const year = 31536000;

export function startThemes(root) {
  const choices = [...root.querySelectorAll("[data-theme-choice]")];
  for (const choice of choices) {
    choice.addEventListener("click", (event) => {
      event.preventDefault();
      const name = choice.dataset.themeChoice;
      if (name === "auto") root.documentElement.removeAttribute("data-theme");
      else root.documentElement.dataset.theme = name;
      const secure = location.protocol === "https:" ? "; Secure" : "";
      root.cookie = `kirmash_theme=${name}; Path=/; Max-Age=${year}; SameSite=Lax${secure}`;
      for (const other of choices) {
        if (other === choice) other.setAttribute("aria-current", "true");
        else other.removeAttribute("aria-current");
      }
    });
  }
}
