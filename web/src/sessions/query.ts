// What the list shows, as the address says it, so that back, reload and a bookmark work.

import { ORDERS, type Order } from "../api-sessions";

export const PER_PAGE = 20;

export interface View {
  search: string;
  order: Order;
  descending: boolean;
  /** From 1. */
  page: number;
}

/** Read the view of an address; what makes no sense there is as if it were not. */
export function viewOf(address: string): View {
  const given = new URLSearchParams(address);
  const order = ORDERS.find((name) => name === given.get("order")) ?? "started";
  const page = Number(given.get("page"));
  return {
    search: given.get("search") ?? "",
    order,
    descending: given.has("descending") ? given.get("descending") === "true" : startsHigh(order),
    page: Number.isInteger(page) && page >= 1 && page <= 1e6 ? page : 1,
  };
}

/** Return the address of a view; what goes without saying is left out. */
export function addressOf(view: View): string {
  const said = new URLSearchParams();
  if (view.search) said.set("search", view.search);
  if (view.order !== "started") said.set("order", view.order);
  if (view.descending !== startsHigh(view.order)) said.set("descending", String(view.descending));
  if (view.page > 1) said.set("page", String(view.page));
  const query = said.toString();
  return query ? `/sessions?${query}` : "/sessions";
}

/** Titles begin with A; of time, length and faces the most comes first. */
export function startsHigh(order: Order): boolean {
  return order !== "title";
}
