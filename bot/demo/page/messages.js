/** Messages: in the channel, in a thread, and those that one person sees. */

import { drawn } from "./blocks.js";
import { dayOf, stamped } from "./dates.js";
import { h, icon, tinted } from "./dom.js";
import { mrkdwn } from "./mrkdwn.js";
import { inChannel, inThread, repliesOf, sourceOf, speakerOf } from "./state.js";

/** What names mean and what waits, for everything that is drawn from this state. */
export function knowing(state) {
  const map = (all) => new Map(all.map((each) => [each.id, each]));
  return {
    names: { users: map(state.users), channels: map(state.channels), now: new Date() },
    waiting: (key) => state.waiting.includes(key),
    chosen: (key) => state.chosen[key],
  };
}

/** The channel: days, and the messages of each. */
export function timeline(state) {
  const known = knowing(state);
  let day = null;
  return inChannel(state).flatMap(({ message, whisper }) => {
    const its = dayOf(message.ts, known.names.now);
    const heading = its === day ? [] : [h("div", { class: "day", "data-key": `day ${its}`, role: "separator", "aria-label": its }, h("span", {}, its))];
    day = its;
    return [...heading, drawnMessage(state, message, { whisper, known, inThread: false })];
  });
}

/** The open thread. Where it covers the channel, what was said there to the one who acts since it is open, too. */
export function thread(state, { covers }) {
  const known = knowing(state);
  const aside = covers ? inChannel(state).filter(({ message, whisper }) => whisper && Number(message.ts) > Number(state.threadSince)) : [];
  return [...inThread(state), ...aside].map(({ message, whisper }) => drawnMessage(state, message, { whisper, known, inThread: true }));
}

function drawnMessage(state, message, { whisper, known, inThread: inside }) {
  const source = sourceOf(state.channel, message.ts);
  const speaker = speakerOf(message, state);
  const user = state.users.find((each) => each.id === message.user);
  const blocks = message.blocks?.length
    ? drawn(message.blocks, { ...known, source })
    : [h("div", { class: "block text", "data-key": `${source} text` }, mrkdwn(message.text ?? "", known.names))];
  return h(
    "article",
    {
      class: `message${whisper ? " whisper" : ""}`,
      "data-key": `${source}${whisper ? " whisper" : ""}`,
      "data-source": source,
      "data-ts": message.ts,
      tabindex: "-1",
      "aria-label": `${speaker}${whisper ? ", only visible to you" : ""}`,
    },
    avatar(user, speaker),
    h(
      "div",
      { class: "body" },
      whisper ? whisperLine(message) : null,
      h(
        "div",
        { class: "who" },
        h("span", { class: "name" }, speaker),
        user ? null : h("span", { class: "tag" }, "App"),
        h("span", { class: "when" }, stamped(message.ts)),
        message.edited ? h("span", { class: "edited" }, "edited") : null,
      ),
      blocks,
      files(message.files ?? []),
      state.warnings[source] ? warning(state.warnings[source]) : null,
      inside || whisper ? null : replies(state, message),
    ),
  );
}

function whisperLine(message) {
  return h(
    "div",
    { class: "only" },
    icon("eye"),
    h("span", {}, "Only visible to you"),
    h("button", { type: "button", class: "quiet-button", "data-do": "dismiss", "data-ts": message.ts }, "Dismiss"),
  );
}

export function warning(text) {
  return h("p", { class: "warning", role: "alert" }, icon("warn"), h("span", {}, text));
}

function avatar(user, speaker) {
  const made = h("div", { class: `avatar${user ? "" : " app-avatar"}`, "aria-hidden": "true" }, user ? initial(speaker) : icon("app"));
  return tinted(made, user?.color);
}

export function initial(name) {
  return [...name][0]?.toUpperCase() ?? "?";
}

function files(all) {
  if (!all.length) return null;
  return h(
    "div",
    { class: "files" },
    all.map((file) =>
      h(
        "button",
        { type: "button", class: "file", "data-do": "file", "data-file": file.id, "data-key": `file ${file.id}` },
        icon("file"),
        h("span", { class: "file-name" }, file.name),
        h("span", { class: "file-size" }, sized(file.size)),
      ),
    ),
  );
}

/** Bytes as people read them. */
export function sized(bytes) {
  if (!(bytes >= 0)) return "";
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${Math.round(bytes / 1000)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function replies(state, message) {
  const { count, last } = repliesOf(state, message);
  if (!count) return null;
  const open = state.thread === message.ts;
  return h(
    "button",
    { type: "button", class: "replies", "data-do": "thread", "data-ts": message.ts, "data-key": `replies ${message.ts}`, "aria-pressed": open ? "true" : "false" },
    icon("thread"),
    h("span", { class: "count" }, count === 1 ? "1 reply" : `${count} replies`),
    last ? h("span", { class: "last" }, "last at ", stamped(last)) : null,
  );
}
