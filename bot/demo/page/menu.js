/** A list that opens beside a control, and closes with the choice: selects and overflow menus of messages. */

import { worded } from "./controls.js";
import { h } from "./dom.js";

/**
 * @param {HTMLElement} opener
 * @param {Array<{heading?: string, option?: object}>} entries
 * @param {{role: "listbox" | "menu", label: string, names: object}} how
 * @returns {Promise<object | null>} the option, or null where nothing was chosen
 */
export function pick(opener, entries, { role, label, names }) {
  return new Promise((resolve) => {
    const one = role === "menu" ? "menuitem" : "option";
    const items = entries.map(({ heading, option }, n) =>
      heading
        ? h("div", { class: "menu-heading", role: "presentation" }, heading)
        : h("div", { class: "menu-item", role: one, tabindex: "-1", "data-entry": n }, worded(option.text, names), option.description ? h("small", {}, worded(option.description, names)) : null),
    );
    const box = h("div", { class: "menu", role, "aria-label": label }, items);
    const choosable = items.filter((each) => each.dataset.entry);
    const done = (item) => {
      off.abort();
      box.remove();
      opener.setAttribute("aria-expanded", "false");
      if (opener.isConnected) opener.focus({ preventScroll: true });
      resolve(item ? entries[Number(item.dataset.entry)].option : null);
    };
    const off = new AbortController();
    const listen = (target, type, hear, more = {}) => target.addEventListener(type, hear, { signal: off.signal, ...more });
    listen(box, "click", (event) => {
      const item = event.target.closest("[data-entry]");
      if (item) done(item);
    });
    listen(box, "keydown", (event) => keyed(event, choosable, done));
    listen(document, "pointerdown", (event) => !box.contains(event.target) && done(null), { capture: true });
    listen(window, "resize", () => done(null));
    listen(document, "scroll", (event) => !box.contains(event.target) && done(null), { capture: true });
    opener.setAttribute("aria-expanded", "true");
    (opener.closest("dialog") ?? document.body).append(box);
    placed(box, opener);
    choosable[0]?.focus();
  });
}

function keyed(event, items, done) {
  const at = items.indexOf(document.activeElement);
  const go = {
    ArrowDown: () => items[(at + 1) % items.length].focus(),
    ArrowUp: () => items[(at - 1 + items.length) % items.length].focus(),
    Home: () => items[0].focus(),
    End: () => items.at(-1).focus(),
    Enter: () => done(items[at]),
    " ": () => done(items[at]),
    Escape: () => done(null),
    Tab: () => done(null),
  }[event.key];
  if (go) {
    event.preventDefault();
    event.stopPropagation();
    go();
    return;
  }
  if (event.key.length !== 1) return;
  const letter = event.key.toLowerCase();
  const next = [...items.slice(at + 1), ...items.slice(0, at + 1)].find((each) => each.textContent.trim().toLowerCase().startsWith(letter));
  next?.focus();
}

/** Under its opener, or above it where there is more room; never out of the window. */
function placed(box, opener) {
  const at = opener.getBoundingClientRect();
  const below = window.innerHeight - at.bottom;
  const up = below < box.offsetHeight + 12 && at.top > below;
  const room = (up ? at.top : below) - 12;
  box.style.setProperty("max-height", `${Math.max(room, 96)}px`);
  const height = Math.min(box.offsetHeight, room);
  box.style.setProperty("top", `${up ? at.top - height - 4 : at.bottom + 4}px`);
  box.style.setProperty("left", `${Math.max(8, Math.min(at.left, window.innerWidth - box.offsetWidth - 8))}px`);
}
