/**
 * The platform's own markup as nodes: bold, italic, strike, code, fences, quotes, links, mentions, dates, entities.
 *
 * What is not one of these stays text, whatever it looks like.
 */

import { moment } from "./dates.js";
import { h, link } from "./dom.js";
import { emoji } from "./emoji.js";
import { signed } from "./signs.js";

const DEEPEST = 8; // styles within styles
const DEEPEST_HANG = 16; // letters: a second column further right leaves too little of a phone
const STYLES = { "*": "strong", _: "em", "~": "s" };
const WORD = /[\p{L}\p{N}]/u;

/**
 * @typedef {{users: Map<string, {name: string}>, channels: Map<string, {name: string}>, now: Date}} Names
 */

/**
 * A whole text, with its fences and quotes.
 * @param {string} text
 * @param {Names} names
 * @param {{verbatim?: boolean}} [how] verbatim: bare addresses stay text
 * @returns {Node[]}
 */
export function mrkdwn(text, names, how = {}) {
  const pieces = text.split(/```\n?([\s\S]+?)\n?```/);
  return pieces.flatMap((piece, n) => {
    if (n % 2) return [h("pre", {}, lines([bare(piece)]))];
    const trimmed = piece.replace(n > 0 ? /^\n/ : /^(?!)/, "").replace(n < pieces.length - 1 ? /\n$/ : /(?!)$/, "");
    return trimmed ? quotesAndText(trimmed, names, how) : [];
  });
}

function quotesAndText(text, names, how) {
  const nodes = [];
  let kind = null;
  let held = [];
  const flush = () => {
    if (!held.length) return;
    const inside = inline(held.join("\n"), names, how);
    nodes.push(kind === "quote" ? h("blockquote", {}, inside) : h("span", { class: "run" }, inside));
    held = [];
  };
  const all = text.split("\n");
  for (const [n, line] of all.entries()) {
    const rest = /^(?:&gt;|>){3}\s?/.exec(line);
    if (rest) {
      flush();
      [kind, held] = ["quote", [line.slice(rest[0].length), ...all.slice(n + 1)]];
      break;
    }
    const quote = /^(?:&gt;|>)\s?/.exec(line);
    if ((quote ? "quote" : "text") !== kind) flush();
    kind = quote ? "quote" : "text";
    held.push(quote ? line.slice(quote[0].length) : line);
  }
  flush();
  return nodes;
}

/**
 * Text within a line or several, without fences and quotes.
 * @returns {Array<Node | string>}
 */
export function inline(text, names, how = {}, depth = 0) {
  const out = [];
  let plain = "";
  let at = 0;
  while (at < text.length) {
    const found = depth < DEEPEST ? piece(text, at, names, how, depth) : null;
    if (found) {
      out.push(...signed(decoded(plain)), found.node);
      [plain, at] = ["", at + found.length];
    } else {
      plain += text[at];
      at += 1;
    }
  }
  out.push(...signed(decoded(plain)));
  return out;
}

/** What begins at `at` and is more than a letter, with its length. */
function piece(text, at, names, how, depth) {
  const rest = text.slice(at);
  const before = text[at - 1] ?? " ";
  switch (text[at]) {
    case "`": {
      const code = /^`([^`\n]+)`/.exec(rest);
      return code && { node: h("code", {}, bare(code[1])), length: code[0].length };
    }
    case "<": {
      const token = /^<([^<>\n]+)>/.exec(rest);
      return token && { node: tokened(token[1], names), length: token[0].length };
    }
    case ":": {
      const sign = /^:([a-z0-9_+'-]+):/.exec(rest);
      const shown = sign && emoji(sign[1]);
      return shown && { node: h("span", { class: "emoji", role: "img", "aria-label": sign[1].replaceAll("_", " ") }, signed(shown)), length: sign[0].length };
    }
    case "h": {
      const bareLink = !how.verbatim && !WORD.test(before) && /^https?:\/\/[^\s<>|*`]+[^\s<>|*`.,;:!?'")\]]/.exec(rest);
      return bareLink ? { node: link(decoded(bareLink[0]), decoded(bareLink[0])), length: bareLink[0].length } : null;
    }
    case "*":
    case "_":
    case "~": {
      if (WORD.test(before)) return null;
      const end = closing(text, at);
      if (end === null) return null;
      return { node: h(STYLES[text[at]], {}, inline(text.slice(at + 1, end), names, how, depth + 1)), length: end + 1 - at };
    }
    default:
      return null;
  }
}

/** Where the style that opens at `at` ends, on the same line and not within code or a token. */
function closing(text, at) {
  const sign = text[at];
  if (/[\s]/.test(text[at + 1] ?? " ") || text[at + 1] === sign) return null;
  for (let n = at + 1; n < text.length && text[n] !== "\n"; n += 1) {
    const skip = (text[n] === "`" && /^`[^`\n]+`/.exec(text.slice(n))) || (text[n] === "<" && /^<[^<>\n]+>/.exec(text.slice(n)));
    if (skip) {
      n += skip[0].length - 1;
    } else if (text[n] === sign && !/\s/.test(text[n - 1]) && !WORD.test(text[n + 1] ?? " ")) {
      return n;
    }
  }
  return null;
}

/** What stood between angle brackets. */
function tokened(token, names) {
  const [what, label] = parted(token);
  if (/^@[UW][A-Z0-9]+$/.test(what)) return mention(`@${names.users.get(what.slice(1))?.name ?? (label || what.slice(1))}`);
  if (/^#[CG][A-Z0-9]+$/.test(what)) return mention(`#${names.channels.get(what.slice(1))?.name ?? (label || what.slice(1))}`);
  if (/^!(here|channel|everyone)$/.test(what)) return mention(`@${what.slice(1)}`);
  if (what.startsWith("!subteam^")) return mention(decoded(label || `@${what.slice(9)}`).replace(/^(?!@)/, "@"));
  if (what.startsWith("!date^")) {
    const [, timestamp, format, url] = what.split("^");
    return moment({ timestamp, format, url: url && decoded(url), fallback: decoded(label) }, names.now);
  }
  if (/^(https?|mailto):/i.test(what)) return link(decoded(what), decoded(label || what));
  return document.createTextNode(decoded(`<${token}>`));
}

export function mention(text) {
  return h("span", { class: "mention" }, text);
}

function parted(token) {
  const bar = token.indexOf("|");
  return bar < 0 ? [token, ""] : [token.slice(0, bar), token.slice(bar + 1)];
}

/** As it stands in code: entities are read, a link is its label, nothing else means anything. */
function bare(text) {
  return decoded(text.replace(/<((?:https?|mailto):[^<>|\n]*)(?:\|([^<>\n]*))?>/g, (_, address, label) => label || address));
}

/** The platform's three entities; no others are known. */
export function decoded(text) {
  const read = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
  return text.replace(/&(?:lt|gt|amp);/g, (entity) => read[entity]);
}

/**
 * Lines of preformatted text, each its own box: where one is too long for the screen it goes on under its second
 * column, so that a table can still be read on a phone.
 * @param {Array<Node | string>} nodes
 */
export function lines(nodes) {
  const made = [[]];
  for (const node of nodes) {
    if (typeof node !== "string") {
      made.at(-1).push(node);
      continue;
    }
    for (const [n, part] of node.split("\n").entries()) {
      if (n) made.push([]);
      if (part) made.at(-1).push(part);
    }
  }
  return made.map((line, n) => hanging(line, n < made.length - 1));
}

function hanging(line, more) {
  const text = line.map((each) => (typeof each === "string" ? each : each.textContent)).join("");
  const column = /^\s*\S.*?\s{2,}(?=\S)/.exec(text)?.[0].length ?? DEEPEST_HANG + 1;
  const box = h("span", { class: "line" }, line, more || !line.length ? "\n" : "");
  box.style.setProperty("--hang", `${column > DEEPEST_HANG ? /^\s*/.exec(text)[0].length + 2 : column}ch`);
  return box;
}
