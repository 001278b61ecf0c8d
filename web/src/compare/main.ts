// Two or more recorded sessions on one axis.

import { ServerError } from "../api";
import { fetchSession } from "../api-sessions";
import { byId } from "../dom";
import { actionLink, emptyState, notice } from "../states";
import { fill } from "../words";
import words from "../../words/en/compare.json";
import { choicesOf } from "./choices";
import { Comparison } from "./comparison";
import { Course, MOST } from "./course";
import { differences } from "./tables";

const problem = byId("problem", HTMLElement);
const compared = byId("compared", HTMLElement);

async function open(): Promise<void> {
  const choices = choicesOf(location.search);
  const found = await Promise.all(choices.ids.slice(0, MOST).map(courseOf));
  const courses = found.filter((one): one is Course => one instanceof Course);
  const problems = found.filter((one): one is HTMLElement => one instanceof HTMLElement);
  if (choices.ids.length > MOST) {
    problems.push(notice("warn", fill(words.too_many, { most: MOST })));
  }
  problem.replaceChildren(...problems);
  if (courses.length < 2) {
    const choose = actionLink(words.choose, "/sessions", "primary");
    compared.hidden = true;
    problem.append(emptyState(words.few_title, words.few_words, choose));
    return;
  }
  const differing = differences(courses);
  if (differing.length) {
    problem.append(notice("warn", fill(words.differ, { what: differing.join(", ") })));
  }
  const ids = courses.map(({ session }) => session.id);
  await new Comparison(courses, { ...choices, ids }).ready;
  compared.removeAttribute("aria-busy");
}

/** Return a session to be compared, or what to say where there is none. */
async function courseOf(id: number, order: number): Promise<Course | HTMLElement> {
  try {
    return new Course(await fetchSession(id), order);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return notice("bad", error.status === 404 ? fill(words.missing, { id }) : error.message);
  }
}

void open();
