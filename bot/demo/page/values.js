/** What was filled into a modal, as the platform's `view.state.values` has it. */

import { elementOf } from "./blocks.js";
import { optionsOf } from "./controls.js";

/**
 * By block and action. What is not filled in is null, or an empty list, never left out.
 * @param {Element} place where the fields stand
 * @param {object[]} blocks
 */
export function valuesOf(place, blocks) {
  /** @type {Record<string, Record<string, object>>} */
  const values = {};
  for (const node of place.querySelectorAll("[data-field]")) {
    const { block, action } = node.dataset;
    const element = elementOf(blocks, block, action);
    if (element) values[block] = { ...values[block], [action]: valueOf(node, element) };
  }
  return values;
}

/** One element's value. */
export function valueOf(node, element) {
  const options = optionsOf(element);
  const ticked = () => [...node.querySelectorAll("input:checked")].map((each) => options[Number(each.value)]);
  switch (element.type) {
    case "plain_text_input":
      return { type: element.type, value: node.value === "" ? null : node.value };
    case "static_select":
      return { type: element.type, selected_option: node.value === "" ? null : options[Number(node.value)] };
    case "radio_buttons":
      return { type: element.type, selected_option: ticked()[0] ?? null };
    default:
      return { type: element.type, selected_options: ticked() };
  }
}

/**
 * What a person would be stopped by before anything is sent, by block: the same that the platform's own window checks.
 * @param {object[]} blocks
 * @param {Record<string, Record<string, any>>} values
 */
export function faults(blocks, values) {
  /** @type {Record<string, string>} */
  const found = {};
  for (const block of blocks.filter((each) => each.type === "input")) {
    const value = values[block.block_id ?? ""]?.[block.element.action_id];
    const filled = value?.value ?? value?.selected_option ?? (value?.selected_options?.length ? value.selected_options : null);
    const least = block.element.min_length ?? 0;
    if (filled === null && !block.optional) found[block.block_id] = MISSING[block.element.type] ?? "Fill this in.";
    else if (value?.value && value.value.length < least) found[block.block_id] = `At least ${least} characters.`;
  }
  return found;
}

const MISSING = { static_select: "Choose one.", radio_buttons: "Choose one.", checkboxes: "Choose at least one." };
