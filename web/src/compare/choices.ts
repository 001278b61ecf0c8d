// What the page compares, as its address says it.

export interface Choices {
  ids: number[];
  /** An expression, or `all`. */
  expression: string;
  /** A marker's word; null lines up the beginnings. */
  marker: string | null;
  /** Seconds by which each session is moved besides. */
  moved: number[];
}

export function choicesOf(address: string): Choices {
  const given = new URLSearchParams(address);
  const numbers = (name: string) => (given.get(name) ?? "").split(",").filter(Boolean).map(Number);
  const ids = numbers("ids").filter((id) => Number.isInteger(id) && id >= 1 && id < 2 ** 31);
  return {
    ids: [...new Set(ids)],
    expression: given.get("expression") ?? "",
    marker: given.get("marker"),
    moved: numbers("moved").map((by_s) => (Number.isFinite(by_s) ? by_s : 0)),
  };
}

export function addressOf({ ids, expression, marker, moved }: Choices): string {
  const said = new URLSearchParams({ ids: ids.join() });
  if (expression) said.set("expression", expression);
  if (marker !== null) said.set("marker", marker);
  if (moved.some((by_s) => by_s !== 0)) said.set("moved", moved.join());
  // A comma may stand in an address as it is.
  return `/compare?${said.toString().replaceAll("%2C", ",")}`;
}
