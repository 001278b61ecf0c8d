// The sessions that are compared: which line is whose, and where each lies on the axis.

import { make } from "../dom";
import { actionButton } from "../states";
import { length } from "../session/times";
import { fill } from "../words";
import words from "../../words/en/compare.json";
import type { Course } from "./course";

export interface ListEvents {
  moved: (course: Course, by_s: number) => void;
  leftOut: (course: Course) => void;
}

export function listItem(
  course: Course,
  most_s: number,
  canLeave: boolean,
  events: ListEvents,
): HTMLElement {
  const { title, id, duration_s } = course.session;
  const link = make("a", "compared-title", title);
  link.href = `/sessions/${id}`;
  const head = make("p", "compared-name", link, make("span", "small-print", length(duration_s)));
  head.prepend(course.sign());
  const slider = make("input");
  slider.type = "range";
  slider.min = String(-Math.ceil(most_s));
  slider.max = String(Math.ceil(most_s));
  slider.step = "0.1";
  slider.setAttribute("aria-label", fill(words.move, { title }));
  const exact = make("input", "input");
  exact.type = "number";
  exact.step = "0.1";
  exact.setAttribute("aria-label", fill(words.moved_exactly, { title }));
  const show = () => {
    slider.value = String(course.moved_s);
    if (document.activeElement !== exact) exact.value = String(course.moved_s);
  };
  const move = (by_s: number) => {
    if (!Number.isFinite(by_s)) return;
    events.moved(course, by_s);
    show();
  };
  slider.addEventListener("input", () => move(slider.valueAsNumber));
  slider.addEventListener("dblclick", () => move(0));
  exact.addEventListener("input", () => move(exact.valueAsNumber));
  exact.addEventListener("blur", show);
  show();
  const moved = make("span", "small-print", words.moved);
  moved.setAttribute("aria-hidden", "true");
  const item = make("li", "compared", head, make("div", "compared-move", moved, slider, exact));
  if (canLeave) {
    const leave = actionButton(words.leave_out, () => events.leftOut(course), "small quiet");
    leave.setAttribute("aria-label", fill(words.leave_out_session, { title }));
    item.append(leave);
  }
  return item;
}
