/**
 * What people do on the page, told to the workspace: clicks, choices, filled-in windows.
 *
 * Each function takes the page: its state, and `change`, which draws the next one.
 * @typedef {{now: () => any, change: (how: (state: any) => any) => void}} Page
 */

import { elementOf } from "./blocks.js";
import { keyOf, optionsOf, plain } from "./controls.js";
import { sure, view as viewFile } from "./dialogs.js";
import { harmless } from "./dom.js";
import { pick } from "./menu.js";
import { knowing } from "./messages.js";
import { blocksOf, inChannel } from "./state.js";
import { faults, valueOf, valuesOf } from "./values.js";
import { say } from "./wire.js";

const WAITS_MS = 3_500; // a little longer than an app may take to acknowledge

const REFUSALS = {
  offline: "The workspace does not answer. Nothing was sent; try again.",
};

/** A button was pressed: after its own question, if it has one. */
export async function press(page, node) {
  const { element, names } = about(page, node);
  if (!element || page.now().waiting.includes(node.dataset.key)) return;
  if (element.confirm && !(await sure(element.confirm, names))) return;
  if (element.url && harmless(element.url)) window.open(element.url, "_blank", "noopener");
  await clicked(page, node, element.value === undefined ? {} : { value: element.value });
}

/** A select or an overflow menu was opened. */
export async function choose(page, node) {
  const { element, names } = about(page, node);
  if (!element) return;
  const entries = element.option_groups
    ? element.option_groups.flatMap((group) => [{ heading: plain(group.label) }, ...group.options.map((option) => ({ option }))])
    : optionsOf(element).map((option) => ({ option }));
  const role = element.type === "overflow" ? "menu" : "listbox";
  const option = await pick(node, entries, { role, label: node.getAttribute("aria-label") ?? plain(element.placeholder) ?? "Choose", names });
  if (!option || (element.confirm && !(await sure(element.confirm, names)))) return;
  if (role === "listbox") page.change((state) => ({ ...state, chosen: { ...state.chosen, [node.dataset.key]: option } }));
  if (option.url && harmless(option.url)) window.open(option.url, "_blank", "noopener");
  await clicked(page, node, { selected_option: option });
}

/** Radio buttons, checkboxes or a field that tells each change. */
export async function tell(page, node) {
  const { element } = about(page, node);
  if (!element) return;
  const { type: _, ...value } = valueOf(node, element);
  await clicked(page, node, value);
}

/** The open window is sent, or shows what is missing. */
export async function submit(page, form) {
  const { view, me, sending } = page.now();
  if (!view || sending) return;
  const values = valuesOf(form, view.blocks);
  const errors = faults(view.blocks, values);
  if (Object.keys(errors).length) {
    wrong(page, form, errors);
    return;
  }
  page.change((state) => ({ ...state, sending: true, errors: {}, warnings: {} }));
  const answer = await say("submit", { user: me.id, view_id: view.id, values });
  page.change((state) => ({ ...state, sending: false }));
  if (answer.errors) wrong(page, form, answer.errors);
  else if (!answer.ok) refused(page, answer.error, `view/${view.id}`);
}

function wrong(page, form, errors) {
  page.change((state) => ({ ...state, errors, sending: false }));
  const first = form.querySelector("[aria-invalid=true]");
  (first?.matches("[role]") ? first.querySelector("input") : first)?.focus();
}

/** The open window is closed without being sent. */
export async function dismissView(page) {
  const { view, me } = page.now();
  if (!view) return;
  page.change((state) => ({ ...state, view: null, errors: {} }));
  await say("close", { user: me.id, view_id: view.id });
}

/** A slash command. Whether it reached the workspace. */
export async function command(page, { command: name, text }) {
  const { me, channel } = page.now();
  page.change((state) => ({ ...state, notice: null }));
  const answer = await say("command", { user: me.id, channel, command: name, text });
  if (!answer.ok) refused(page, answer.error);
  return answer.ok;
}

/** The app's Home is opened: it is told, and may draw it anew. */
export async function openHome(page) {
  const answer = await say("home", { user: page.now().me.id });
  if (!answer.ok) refused(page, answer.error);
}

export async function startStory(page, story) {
  page.change((state) => playing(state, story));
  const answer = await say("story", { story });
  if (answer.ok) return;
  page.change((state) => ({ ...state, playing: null }));
  refused(page, answer.error);
}

/** One that ends another goes on with its alert; any other waits for an alert of its own. */
function playing(state, story) {
  const shown = { ...state, pane: "channel", drawer: false, unread: 0 };
  if (state.stories.find((each) => each.id === story)?.after) {
    return { ...shown, playing: { since: "0", ...state.playing, id: story, text: "" } };
  }
  const since = inChannel(state).at(-1)?.message.ts ?? "0";
  return { ...shown, thread: null, playing: { id: story, text: "", since } };
}

export async function openFile(page, id) {
  const { messages, ephemeral } = page.now();
  const all = [...Object.values(messages), ...Object.values(ephemeral)].flat().flatMap((each) => each.files ?? []);
  const file = all.find((each) => each.id === id);
  if (file) await viewFile(file);
}

/** The element that a node stands for, with the names its texts may use. */
function about(page, node) {
  const state = page.now();
  const source = node.closest("[data-source]")?.dataset.source;
  const element = elementOf(blocksOf(state, source), node.dataset.block, node.dataset.action);
  return { element, names: knowing(state).names };
}

async function clicked(page, node, value) {
  const { me } = page.now();
  const { source, ts } = node.closest("[data-source]").dataset;
  const { block, action } = node.dataset;
  const key = keyOf(source, block, action);
  const where = source.startsWith("view/") ? { view_id: source.slice(5) } : { channel: source.slice(0, source.indexOf("/")), ts };
  const over = () => page.change((state) => ({ ...state, waiting: state.waiting.filter((each) => each !== key) }));
  page.change((state) => ({ ...state, notice: null, waiting: [...state.waiting, key], warnings: {} }));
  setTimeout(over, WAITS_MS);
  const answer = await say("click", { user: me.id, ...where, block_id: block, action_id: action, ...value });
  if (answer.ok) return;
  over();
  refused(page, answer.error, source.startsWith("view/") ? source : null);
}

/** What the workspace would not do: beside the open window, else above the command line. */
function refused(page, error, source = null) {
  const text = REFUSALS[error] ?? `The workspace refused: ${String(error ?? "no reason given").replaceAll("_", " ")}.`;
  page.change((state) => (source ? { ...state, warnings: { ...state.warnings, [source]: text } } : { ...state, notice: text }));
}
