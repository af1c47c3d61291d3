/**
 * Elements from values, and the page changed towards them: text is text nodes, and no markup is ever parsed.
 */

const SVG = "http://www.w3.org/2000/svg";
const SAFE = new Set(["http:", "https:", "mailto:"]);
const FORBIDDEN = /^(on|style$|srcdoc$|src$|formaction$)/i;
const OWN = new Set(["aria-expanded"]); // set while a menu is open, which no state knows of

/** @typedef {Node | string | null | false | undefined | Array<Child>} Child */

/**
 * One element. An attribute that is null, undefined or false is left out; `href` is left out unless it is harmless.
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (FORBIDDEN.test(name)) throw new Error(`the attribute ${name} is not for this page`);
    const text = name === "href" ? harmless(String(value)) : value === true ? "" : String(value);
    if (text !== null) made.setAttribute(name, text);
  }
  made.append(...flat(children));
  return made;
}

/** Nodes of nested lists, without what is not there. */
export function flat(children) {
  return children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false);
}

/**
 * The address if a click on it can do no more than open a page or a letter, else null.
 * @param {string} address
 */
export function harmless(address) {
  try {
    return SAFE.has(new URL(address, location.href).protocol) ? address : null;
  } catch {
    return null;
  }
}

/** A link out of the page, or only its text where the address is not harmless. */
export function link(address, ...children) {
  const absolute = /^(https?|mailto):/i.test(address) && harmless(address) !== null;
  if (!absolute) return h("span", { class: "no-link", title: "Not a link: its address is not a web address" }, children);
  return h("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, children);
}

const PATHS = {
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6L6 18",
  back: "M15 5l-7 7 7 7",
  down: "M6 9l6 6 6-6",
  point: "M4 12h14M13 7l5 5-5 5",
  send: "M5 12h13M13 6l6 6-6 6",
  file: "M7 3h7l4 4v14H7zM14 3v4h4M10 12h5M10 16h5",
  eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12zM12 9a3 3 0 100 6 3 3 0 000-6z",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  thread: "M4 5h16v11H10l-5 4v-4H4z",
  home: "M4 11l8-7 8 7v9H4zM10 20v-6h4v6",
  book: "M5 4h6a2 2 0 012 2v14a2 2 0 00-2-2H5zM19 4h-4a2 2 0 00-2 2v14a2 2 0 012-2h4z",
  app: "M8 3h8v4l-4 5 4 5v4H8v-4l4-5-4-5z",
  warn: "M12 3l10 18H2zM12 10v5M12 18h.01",
  pause: "M9 5v14M15 5v14",
};

/** A line drawing that says nothing to a screen reader: the words stand beside it. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" })) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** A colour given as `#rrggbb`, set without a style attribute, which the page's policy refuses. */
export function tinted(element, colour) {
  if (/^#[0-9a-f]{6}$/i.test(colour ?? "")) element.style.setProperty("--tint", colour);
  return element;
}

/**
 * Make the children of `place` equal to `fresh`, keeping every node that is already right: what has the focus, what
 * was typed and what is scrolled stays. Nodes with the same `data-key` are the same thing wherever they stand.
 * @param {Element} place
 * @param {Array<Node | string>} fresh
 */
export function settle(place, fresh) {
  const wanted = fresh.map((each) => (typeof each === "string" ? document.createTextNode(each) : each));
  const keyed = new Map([...place.children].filter(keyOf).map((each) => [keyOf(each), each]));
  let next = place.firstChild;
  for (const node of wanted) {
    const key = keyOf(node);
    const old = key ? keyed.get(key) : unkeyed(next, keyed, node);
    if (old && alike(old, node)) {
      if (old === next) next = next.nextSibling;
      else place.insertBefore(old, next);
      change(old, node);
    } else {
      place.insertBefore(node, next);
    }
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

/** The next node of ours that may be taken for one without a key. */
function unkeyed(next, keyed, node) {
  return next && !(keyOf(next) && keyed.has(keyOf(next))) && next.nodeType === node.nodeType ? next : null;
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null;
}

function alike(old, fresh) {
  return old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh);
}

function change(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "style") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (name === "style" || (OWN.has(name) && old.hasAttribute(name))) continue;
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.style && old.style.cssText !== fresh.style.cssText) old.style.cssText = fresh.style.cssText;
  settle(old, [...fresh.childNodes]);
}
