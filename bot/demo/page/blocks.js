/** Blocks as nodes. A block of a kind that is not drawn here says so in its place, and never disappears. */

import { control, field, keyOf, plain, worded } from "./controls.js";
import { h } from "./dom.js";
import { markdown } from "./markdown.js";
import { richText } from "./richtext.js";

/**
 * @param {object[]} blocks
 * @param {Omit<import("./controls.js").Place, "block">} place
 * @param {Record<string, string>} [errors] of a view that was refused, by block
 * @returns {HTMLElement[]}
 */
export function drawn(blocks, place, errors = {}) {
  return blocks.map((block, n) => {
    const made = one(block, { ...place, block: block.block_id ?? "" }, errors);
    made.classList.add("block");
    made.setAttribute("data-key", `${place.source} block ${block.block_id ?? n}`);
    return made;
  });
}

function one(block, place, errors) {
  switch (block.type) {
    case "section":
      return section(block, place);
    case "context":
      return context(block, place);
    case "actions":
      return h("div", { class: "actions", role: "group", "aria-label": "Actions" }, block.elements.map((each) => control(each, place)));
    case "header":
      return h("div", { class: "header", role: "heading", "aria-level": 3 }, plain(block.text));
    case "divider":
      return h("hr");
    case "rich_text":
      return richText(block, place.names);
    case "markdown":
      return markdown(block.text ?? "");
    case "input":
      return input(block, place, errors[block.block_id]);
    case "image":
      return h("div", { class: "refused" }, `Image not shown: ${block.alt_text || "no description"}`);
    default:
      return h("div", { class: "refused" }, `Not shown: a block of type ${block.type}`);
  }
}

function section(block, place) {
  const fields = (block.fields ?? []).map((each) => h("div", { class: "field" }, worded(each, place.names)));
  return h(
    "div",
    { class: "section" },
    h(
      "div",
      { class: "words" },
      block.text ? h("div", { class: "text" }, worded(block.text, place.names)) : null,
      fields.length ? h("div", { class: "fields" }, fields) : null,
    ),
    block.accessory ? h("div", { class: "accessory" }, control(block.accessory, place)) : null,
  );
}

function context(block, place) {
  const element = (each) =>
    each.type === "image"
      ? h("span", { class: "refused" }, `Image not shown: ${each.alt_text || "no description"}`)
      : h("span", { class: "text" }, worded(each, place.names));
  return h("div", { class: "context" }, block.elements.map(element));
}

const GROUPS = new Set(["radio_buttons", "checkboxes"]);

function input(block, place, error) {
  const id = keyOf(place.source, place.block, block.element.action_id).replaceAll(" ", "-");
  const described = [block.hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || null;
  const label = [plain(block.label), block.optional ? h("span", { class: "optional" }, " optional") : null];
  return h(
    "div",
    { class: "input", "data-optional": block.optional ? "yes" : null },
    GROUPS.has(block.element.type) ? h("span", { class: "label" }, label) : h("label", { class: "label", for: id }, label),
    field(block.element, place, {
      id,
      name: plain(block.label),
      describedby: described,
      invalid: Boolean(error),
      act: block.dispatch_action === true,
    }),
    error ? h("p", { class: "error", id: `${id}-error` }, error) : null,
    block.hint ? h("p", { class: "hint", id: `${id}-hint` }, worded(block.hint, place.names)) : null,
  );
}

/** The element with that action in that block, or null: what a click is about. */
export function elementOf(blocks, block_id, action_id) {
  const block = blocks.find((each) => (each.block_id ?? "") === block_id);
  const all = [...(block?.elements ?? []), block?.accessory, block?.element];
  return all.find((each) => each?.action_id === action_id) ?? null;
}
