/** Where a slash command is typed, and how it is completed. */

import { h, settle } from "./dom.js";
import { completions } from "./wire.js";

/**
 * @typedef {{text: string, about?: string}} Completion a whole line
 */

/**
 * @param {{form: HTMLFormElement, input: HTMLInputElement, list: HTMLElement}} parts
 * @param {{commands: () => Array<{command: string, description?: string, usage_hint?: string}>, send: (line: string) => Promise<boolean>}} how
 */
export function composer({ form, input, list }, { commands, send }) {
  /** @type {Completion[]} */
  let found = [];
  let at = -1;
  let asked = new AbortController();

  const show = () => {
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(found.length > 0));
    if (at >= 0) input.setAttribute("aria-activedescendant", `completion-${at}`);
    else input.removeAttribute("aria-activedescendant");
    settle(list, found.map((each, n) => completion(each, n, n === at)));
    list.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  };
  const close = () => {
    asked.abort();
    [found, at] = [[], -1];
    show();
  };
  const look = async () => {
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    const line = input.value;
    const fresh = line.startsWith("/") ? await completed(line, commands(), signal) : [];
    if (signal.aborted) return;
    found = fresh.filter((each) => each.text.trimEnd() !== line.trimEnd() || each.text.length > line.length);
    at = -1;
    show();
  };
  const take = (n) => {
    input.value = found[n].text;
    input.focus();
    input.setSelectionRange(input.value.length, input.value.length);
    look();
  };
  const submit = async () => {
    const line = input.value.trim();
    close();
    if (line && (await send(line)) && input.value.trim() === line) input.value = "";
  };

  input.addEventListener("input", look);
  input.addEventListener("focus", () => input.value && look());
  form.addEventListener("focusout", (event) => !form.contains(event.relatedTarget) && close());
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the input keeps the focus
  list.addEventListener("click", (event) => {
    const item = event.target.closest("[data-n]");
    if (item) take(Number(item.dataset.n));
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || !found.length) return;
    const go = {
      ArrowDown: () => (at = (at + 1) % found.length),
      ArrowUp: () => (at = at <= 0 ? found.length - 1 : at - 1),
      Tab: () => !event.shiftKey && take(Math.max(at, 0)),
      Enter: () => at >= 0 && take(at),
      Escape: () => (found = []),
    }[event.key];
    if (!go || (event.key === "Enter" && at < 0) || (event.key === "Tab" && event.shiftKey)) return;
    event.preventDefault();
    event.stopPropagation();
    go();
    if (event.key !== "Tab" && event.key !== "Enter") show();
  });
}

/** Commands by their first letters; behind the command's name, what the app proposes. */
async function completed(line, commands, signal) {
  const known = commands.some((each) => line.startsWith(`${each.command} `) || line === each.command);
  if (known) return completions(line, signal);
  return commands
    .filter((each) => each.command.startsWith(line))
    .map((each) => ({ text: `${each.command} `, about: each.description ?? "" }));
}

function completion(each, n, on) {
  return h(
    "div",
    { class: "completion", role: "option", id: `completion-${n}`, "data-n": n, "aria-selected": on ? "true" : "false", "data-key": `completion ${n} ${each.text}` },
    h("span", { class: "completion-text" }, each.text),
    each.about ? h("span", { class: "completion-about" }, each.about) : null,
  );
}

/** A line as the command and what follows it, or null where it is no command. */
export function parsed(line, commands) {
  const [, command, text] = /^(\/\S+)\s*([\s\S]*)$/.exec(line) ?? [];
  return commands.some((each) => each.command === command) ? { command, text } : null;
}
