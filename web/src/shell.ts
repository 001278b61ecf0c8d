// What every page does beside its own work: open menus close like those of the system.

document.addEventListener("click", (event) => {
  for (const menu of openMenus()) {
    const inside = event.target instanceof Node && menu.contains(event.target);
    const entry = ".menu-list a, .menu-list button";
    const chosen = event.target instanceof Element && event.target.closest(entry);
    if (!inside || chosen) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of openMenus()) {
    menu.open = false;
    menu.querySelector("summary")?.focus();
  }
});

function openMenus(): HTMLDetailsElement[] {
  return [...document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")];
}
