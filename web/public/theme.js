// Light or dark as chosen on the settings page, before anything is painted: a file of its own
// since the content security policy allows no inline script, and no module, which would wait.
(() => {
  const KEY = "mien.preferences";
  const PAPER = { light: "#f6f4ef", dark: "#101114" };
  const metas = [...document.querySelectorAll('meta[name="theme-color"]')].map((meta) => ({
    meta,
    media: meta.media,
    content: meta.content,
  }));

  function chosen() {
    try {
      const theme = JSON.parse(localStorage.getItem(KEY) ?? "{}").theme;
      return theme in PAPER ? theme : null;
    } catch {
      // Storage that is refused or unreadable: the system's choice holds.
      return null;
    }
  }

  function apply() {
    const theme = chosen();
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    for (const { meta, media, content } of metas) {
      meta.media = theme ? "all" : media;
      meta.content = theme ? PAPER[theme] : content;
    }
  }

  apply();
  addEventListener("storage", apply);
  addEventListener("mien-preferences", apply);
})();
