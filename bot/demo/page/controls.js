/**
 * What can be clicked, chosen and filled in. No control listens by itself: `data-do` says what a click on it means, and
 * `acts.js` hears it.
 */

import { h, icon } from "./dom.js";
import { emojied } from "./emoji.js";
import { mrkdwn } from "./mrkdwn.js";
import { signed } from "./signs.js";

/**
 * Where a control stands: its block, and what is known of it beside the block itself.
 * @typedef {{
 *   source: string,
 *   block: string,
 *   names: import("./mrkdwn.js").Names,
 *   waiting: (key: string) => boolean,
 *   chosen: (key: string) => {text: {text: string}} | undefined,
 * }} Place
 */

/** The name of a control on the whole page. */
export function keyOf(source, block, action) {
  return [source, block, action].join(" ");
}

/** Text of a plain_text or mrkdwn object. */
export function worded(text, names) {
  if (!text) return [];
  if (text.type === "mrkdwn") return mrkdwn(text.text, names, { verbatim: text.verbatim === true });
  return signed(text.emoji === false ? text.text : emojied(text.text));
}

/** The same in one line without nodes, for labels. */
export function plain(text) {
  return text ? emojied(text.text) : "";
}

/**
 * An interactive element of a section or an actions block.
 * @param {object} element
 * @param {Place} place
 */
export function control(element, place) {
  switch (element.type) {
    case "button":
      return button(element, place);
    case "static_select":
      return select(element, place);
    case "overflow":
      return overflow(element, place);
    case "radio_buttons":
    case "checkboxes":
      return choices(element, place, { act: true, name: plain(element.options?.[0]?.text) });
    case "image":
      return h("span", { class: "refused" }, `Image not shown: ${element.alt_text ?? "no description"}`);
    default:
      return h("span", { class: "refused" }, `Not shown: ${element.type}`);
  }
}

function marks(element, place, does) {
  const key = keyOf(place.source, place.block, element.action_id);
  const waits = place.waiting(key);
  return {
    "data-key": key,
    "data-do": does,
    "data-block": place.block,
    "data-action": element.action_id,
    "aria-busy": waits ? "true" : null,
  };
}

function button(element, place) {
  const style = ["primary", "danger"].includes(element.style) ? element.style : "plain";
  return h(
    "button",
    { type: "button", class: `button ${style}`, "aria-label": element.accessibility_label, ...marks(element, place, "click") },
    plain(element.text),
  );
}

function select(element, place) {
  const key = keyOf(place.source, place.block, element.action_id);
  const shown = place.chosen(key) ?? element.initial_option;
  const label = plain(shown?.text ?? element.placeholder) || "Choose";
  return h(
    "button",
    { type: "button", class: `button plain select${shown ? "" : " unchosen"}`, "aria-haspopup": "listbox", "aria-expanded": "false", ...marks(element, place, "choose") },
    h("span", {}, label),
    icon("down"),
  );
}

function overflow(element, place) {
  return h(
    "button",
    { type: "button", class: "button plain overflow", "aria-label": "More", "aria-haspopup": "menu", "aria-expanded": "false", ...marks(element, place, "choose") },
    icon("more"),
  );
}

/** All options of a select, those in groups too. */
export function optionsOf(element) {
  return element.options ?? (element.option_groups ?? []).flatMap((group) => group.options);
}

/** Radio buttons or checkboxes. `act`: each change is told at once. */
function choices(element, place, { act, name, describedby = null, invalid = false }) {
  const radio = element.type === "radio_buttons";
  const first = radio ? [element.initial_option] : (element.initial_options ?? []);
  const key = keyOf(place.source, place.block, element.action_id);
  const one = (option, n) => {
    const on = first.some((each) => each?.value === option.value);
    return h(
      "label",
      { class: "choice" },
      h("input", { type: radio ? "radio" : "checkbox", name: key, value: n, checked: on, "aria-describedby": describedby }),
      h("span", {}, worded(option.text, place.names), option.description ? h("small", {}, worded(option.description, place.names)) : null),
    );
  };
  return h(
    "div",
    {
      role: radio ? "radiogroup" : "group",
      class: "choices",
      "aria-label": name,
      "aria-invalid": invalid ? "true" : null,
      "data-key": key,
      "data-field": element.type,
      "data-block": place.block,
      "data-action": element.action_id,
      "data-tells": act ? "yes" : null,
    },
    (element.options ?? []).map(one),
  );
}

/**
 * The element of an input block.
 * @param {object} element
 * @param {Place} place
 * @param {{id: string, name: string, describedby: string | null, invalid: boolean, act: boolean}} how
 */
export function field(element, place, how) {
  const { id, describedby, invalid } = how;
  const shared = {
    id,
    "aria-describedby": describedby,
    "aria-invalid": invalid ? "true" : null,
    "data-key": keyOf(place.source, place.block, element.action_id),
    "data-field": element.type,
    "data-block": place.block,
    "data-action": element.action_id,
    "data-tells": how.act ? "yes" : null,
  };
  switch (element.type) {
    case "plain_text_input":
      return text(element, shared);
    case "static_select":
      return list(element, shared);
    case "radio_buttons":
    case "checkboxes":
      return choices(element, place, how);
    default:
      return h("span", { class: "refused" }, `Not shown: ${element.type}`);
  }
}

function text(element, shared) {
  const all = {
    ...shared,
    placeholder: element.placeholder?.text,
    maxlength: element.max_length ?? 3000,
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    autofocus: element.focus_on_load === true,
  };
  if (element.multiline) return h("textarea", { ...all, rows: 4 }, element.initial_value ?? "");
  return h("input", { ...all, type: "text", value: element.initial_value });
}

function list(element, shared) {
  const options = optionsOf(element);
  const first = element.initial_option?.value;
  const one = (option) => h("option", { value: options.indexOf(option), selected: option.value === first }, plain(option.text));
  return h(
    "select",
    shared,
    h("option", { value: "" }, element.placeholder?.text ?? "Choose"),
    element.option_groups ? element.option_groups.map((group) => h("optgroup", { label: plain(group.label) }, group.options.map(one))) : options.map(one),
  );
}
