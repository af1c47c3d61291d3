/** Signs of state, drawn by the page itself: without a font that has them, a box would stand in their place. */

import { h, icon } from "./dom.js";

const DOTS = { "🔴": "red", "🟠": "orange", "🟡": "yellow", "🟢": "green", "🔵": "blue", "⚪": "white", "⚫": "black" };
const DRAWINGS = { "⚠": "warn", "⏸": "pause" };
const SIGN = new RegExp(`(${Object.keys({ ...DOTS, ...DRAWINGS }).join("\\uFE0F?|")}\\uFE0F?)`, "u");

/**
 * Text with its signs as nodes. The sign itself stays in the text, for whoever copies it.
 * @param {string} text
 * @returns {Array<Node | string>}
 */
export function signed(text) {
  return text.split(SIGN).map((part, n) => (n % 2 ? sign(part) : part)).filter((part) => part !== "");
}

function sign(text) {
  const [character] = text;
  const dot = DOTS[character];
  return h("span", { class: `sign ${dot ? `dot ${dot}` : DRAWINGS[character]}` }, dot ? null : icon(DRAWINGS[character]), h("span", { class: "sign-text" }, text));
}
