/** The markdown block, as far as the platform speaks it: headings, lists, quotes, fences, and styles within a line. */

import { h, link } from "./dom.js";
import { lines } from "./mrkdwn.js";

const DEEPEST = 8; // styles within styles

/** Each kind of block with its first line, and whether the next one goes on with it. */
const KINDS = [
  { name: "fence", opens: /^\s*```/ },
  { name: "heading", opens: /^#{1,6}\s+\S/ },
  { name: "rule", opens: /^\s*(?:-{3,}|\*{3,}|_{3,})\s*$/ },
  { name: "quote", opens: /^\s*>/ },
  { name: "bullets", opens: /^\s*[-*+]\s+/ },
  { name: "numbers", opens: /^\s*\d{1,9}[.)]\s+/ },
  { name: "gap", opens: /^\s*$/ },
  { name: "text", opens: /^/ },
];

/**
 * @param {string} text
 * @returns {HTMLElement}
 */
export function markdown(text) {
  return h("div", { class: "markdown" }, blocks(text.split("\n")));
}

function blocks(all) {
  const nodes = [];
  let at = 0;
  while (at < all.length) {
    const kind = kindOf(all[at]);
    const end = endOf(all, at, kind);
    nodes.push(made(kind, all.slice(at, end)));
    at = end;
  }
  return nodes.filter(Boolean);
}

function kindOf(line) {
  return KINDS.find((each) => each.opens.test(line)).name;
}

function endOf(all, at, kind) {
  if (kind === "heading" || kind === "rule") return at + 1;
  if (kind === "fence") {
    const close = all.findIndex((line, n) => n > at && /^\s*```\s*$/.test(line));
    return close < 0 ? all.length : close + 1;
  }
  let end = at + 1;
  while (end < all.length && kindOf(all[end]) === kind) end += 1;
  return end;
}

function made(kind, part) {
  const stripped = (mark) => part.map((line) => line.replace(mark, ""));
  switch (kind) {
    case "fence":
      return h("pre", {}, lines([part.slice(1, /^\s*```\s*$/.test(part.at(-1)) && part.length > 1 ? -1 : undefined).join("\n")]));
    case "heading":
      return h("p", { class: "heading", role: "heading", "aria-level": 4 }, styled(part[0].replace(/^#+\s+/, "")));
    case "rule":
      return h("hr");
    case "quote":
      return h("blockquote", {}, blocks(stripped(/^\s*>\s?/)));
    case "bullets":
      return h("ul", {}, stripped(/^\s*[-*+]\s+/).map((line) => h("li", {}, styled(line))));
    case "numbers":
      return h("ol", { start: Number.parseInt(part[0], 10) }, stripped(/^\s*\d+[.)]\s+/).map((line) => h("li", {}, styled(line))));
    case "gap":
      return null;
    default:
      return h("p", {}, styled(part.join("\n")));
  }
}

const SPANS = [
  [/^\\([\\`*_~[\]()#+.!>-])/, (found) => found[1]],
  [/^`([^`\n]+)`/, (found) => h("code", {}, found[1])],
  [/^\*\*(?=\S)([\s\S]*?\S)\*\*/, (found, depth) => h("strong", {}, styled(found[1], depth))],
  [/^~~(?=\S)([\s\S]*?\S)~~/, (found, depth) => h("s", {}, styled(found[1], depth))],
  [/^\*(?=\S)([^*\n]*[^\s*])\*/, (found, depth) => h("em", {}, styled(found[1], depth))],
  [/^_(?=\S)([^_\n]*[^\s_])_(?![\p{L}\p{N}])/u, (found, depth) => h("em", {}, styled(found[1], depth))],
  [/^!?\[([^[\]\n]*)\]\(([^()\s]*)\)/, (found, depth) => link(found[2], styled(found[1] || found[2], depth))],
  [/^https?:\/\/[^\s<>|*`]+[^\s<>|*`.,;:!?'")\]]/, (found) => link(found[0], found[0])],
];

function styled(text, depth = 0) {
  const out = [];
  let plain = "";
  let at = 0;
  while (at < text.length) {
    const found = depth < DEEPEST ? span(text, at, depth) : null;
    if (found) {
      out.push(plain, found.node);
      [plain, at] = ["", at + found.length];
    } else {
      plain += text[at];
      at += 1;
    }
  }
  return [...out, plain].filter((each) => each !== "");
}

function span(text, at, depth) {
  if (!/[\\`*_~[!h]/.test(text[at])) return null;
  if (/[_h]/.test(text[at]) && /[\p{L}\p{N}]/u.test(text[at - 1] ?? " ")) return null;
  const rest = text.slice(at);
  for (const [opens, make] of SPANS) {
    const found = opens.exec(rest);
    if (found) return { node: make(found, depth + 1), length: found[0].length };
  }
  return null;
}
