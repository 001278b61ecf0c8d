// HTML that the server made of a text that others wrote, such as a model's card. The server lets
// no HTML of theirs through; here only what a text needs is taken over, so that a mistake there,
// or a server that is not to be trusted, can still run nothing in the page.

const TAGS = new Set(
  ("A B BLOCKQUOTE BR CODE DD DEL DL DT EM H1 H2 H3 H4 H5 H6 HR I IMG LI OL P PRE S STRONG SUB " +
    "SUP TABLE TBODY TD TFOOT TH THEAD TR UL").split(" "),
);
// Pictures come from this server alone, links lead to the web.
const IMAGE = /^\/(?!\/)/;
const LINK = /^https?:\/\//i;
const MOST_NODES = 20_000;

/** Return the nodes of HTML that are only text with its structure. */
export function safeNodes(html: string): DocumentFragment {
  // A document of its own: nothing in it is run or fetched.
  const parsed = new DOMParser().parseFromString(html, "text/html");
  const counter = { left: MOST_NODES };
  return copied(parsed.body, document.createDocumentFragment(), counter);
}

function copied<T extends Node>(from: Node, to: T, counter: { left: number }): T {
  for (const child of from.childNodes) {
    counter.left -= 1;
    if (counter.left < 0) break;
    if (child instanceof Text) to.appendChild(document.createTextNode(child.data));
    else if (!(child instanceof Element)) continue;
    else if (TAGS.has(child.tagName)) to.appendChild(copied(child, allowed(child), counter));
    // The text in what is not known is kept; what stands in a script or a style is no text.
    else if (!child.matches("script, style, template, noscript, iframe, object")) {
      copied(child, to, counter);
    }
  }
  return to;
}

/** Make the element anew, with the few attributes that do no harm. */
function allowed(element: Element): HTMLElement {
  const made = document.createElement(element.tagName);
  const address = element.getAttribute(made instanceof HTMLImageElement ? "src" : "href") ?? "";
  if (made instanceof HTMLImageElement && IMAGE.test(address)) {
    made.src = address;
    made.alt = element.getAttribute("alt") ?? "";
    made.loading = "lazy";
  } else if (made instanceof HTMLAnchorElement && LINK.test(address)) {
    made.href = address;
    made.rel = "noopener noreferrer";
  }
  return made;
}
