/** Windows of the page itself: "are you sure", and the viewer of files. */

import { plain, worded } from "./controls.js";
import { h, icon } from "./dom.js";
import { lines } from "./mrkdwn.js";
import { sized } from "./messages.js";
import { fileText } from "./wire.js";

const MOST_SHOWN = 400_000; // characters of a file; the rest is in the download

/**
 * Ask before a control does what it says. Escape and the second button are a no.
 * @param {object} confirm the platform's confirmation dialog
 * @param {object} names
 * @returns {Promise<boolean>}
 */
export function sure(confirm, names) {
  const yes = h("button", { class: `button ${confirm.style === "danger" ? "danger-full" : "primary"}`, value: "yes" }, plain(confirm.confirm));
  const no = h("button", { class: "button plain", value: "no", autofocus: true }, plain(confirm.deny));
  const box = h(
    "dialog",
    { class: "window confirm", "aria-labelledby": "confirm-title" },
    h("form", { method: "dialog", class: "confirm-form" }, h("h2", { id: "confirm-title" }, plain(confirm.title)), h("div", { class: "confirm-text" }, worded(confirm.text, names)), h("div", { class: "modal-foot" }, no, yes)),
  );
  return shown(box).then((said) => said === "yes");
}

/**
 * A file as text, with a link to the whole of it. Only files of this workspace are opened.
 * @param {{name: string, size: number, url: string}} file
 */
export async function view(file) {
  const address = new URL(file.url, location.href);
  if (address.origin !== location.origin) return;
  const pre = h("pre", { class: "file-text", tabindex: "0", "aria-label": "The file's text" }, "Reading.");
  const box = h(
    "dialog",
    { class: "window viewer", "aria-labelledby": "viewer-title" },
    h(
      "form",
      { method: "dialog", class: "viewer-form" },
      h(
        "header",
        { class: "modal-head" },
        h("h2", { id: "viewer-title" }, file.name),
        h("span", { class: "file-size" }, sized(file.size)),
        h("a", { class: "button plain", href: address.pathname + address.search, download: file.name }, "Download"),
        h("button", { class: "icon-button", value: "close", "aria-label": "Close" }, icon("close")),
      ),
      pre,
    ),
  );
  const closed = shown(box);
  pre.focus();
  pre.replaceChildren(...(await contents(address)));
  await closed;
}

async function contents(address) {
  try {
    const text = await fileText(address);
    const cut = text.slice(0, MOST_SHOWN);
    return [...lines([cut]), ...(cut === text ? [] : [h("em", {}, "\nThe rest is in the download.")])];
  } catch {
    return ["The file cannot be read."];
  }
}

/** Open until closed; resolves with the value of the button. What had the focus gets it back. */
function shown(box) {
  return new Promise((resolve) => {
    document.body.append(box);
    box.addEventListener("click", (event) => event.target === box && box.close("")); // the backdrop
    box.addEventListener("close", () => {
      box.remove();
      resolve(box.returnValue);
    });
    box.showModal();
  });
}
