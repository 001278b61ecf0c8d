// The ways photos come in: the file dialog, dropping anywhere on the page, and pasting.

export function takePhotos(
  input: HTMLInputElement,
  openers: readonly HTMLButtonElement[],
  dropCover: HTMLElement,
  add: (files: File[]) => void,
): void {
  for (const opener of openers) opener.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    add([...(input.files ?? [])]);
    // The same photo can then be chosen again.
    input.value = "";
  });
  const show = (shown: boolean): void => {
    dropCover.classList.toggle("shown", shown);
  };
  window.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    show(true);
  });
  window.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) show(false);
  });
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    show(false);
    add([...(event.dataTransfer?.files ?? [])]);
  });
  window.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) add(files);
  });
}
