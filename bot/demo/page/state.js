/**
 * All that the page shows, as one value; every change to it is a function of it and of what happened.
 *
 * @typedef {{ts: string, thread_ts?: string, user?: string, bot_id?: string, username?: string, text?: string,
 *   blocks?: object[], files?: object[], edited?: boolean, reply_count?: number}} Message
 * @typedef {{id: string, title: object, blocks: object[], submit?: object, close?: object}} View
 * @typedef {{seq: number, type: string}} Event what the workspace tells, see `heard`
 */

/** Before the workspace has answered. */
export const EMPTY = Object.freeze({
  team: { name: "" },
  me: null,
  users: [],
  channels: [],
  messages: {},
  ephemeral: {},
  home: null,
  view: null,
  commands: [],
  stories: [],
  seq: 0,
  // of this page alone:
  channel: null,
  pane: "channel",
  thread: null,
  threadSince: "0",
  drawer: false,
  unread: 0,
  playing: null,
  waiting: Object.freeze([]),
  chosen: {},
  warnings: {},
  errors: {},
  sending: false,
  online: true,
  notice: null,
  dismissed: Object.freeze([]),
  said: "",
});

const NEVER_ANSWERED = "The app did not answer within 3 seconds. Nothing is known of that click; you can repeat it.";

/** What the workspace has for one user, with the place on the page kept where it still exists. */
export function begun(state, snapshot) {
  const same = state.me?.id === snapshot.me.id;
  const channels = snapshot.channels ?? [];
  return {
    ...state,
    ...snapshot,
    channel: channels.some((each) => each.id === state.channel) ? state.channel : (channels[0]?.id ?? null),
    waiting: [],
    errors: same && state.view?.id === snapshot.view?.id ? state.errors : {},
    warnings: same ? state.warnings : {},
    chosen: same ? state.chosen : {},
    sending: false,
    online: true,
    notice: null,
  };
}

/** After an event of the workspace. One that was heard before changes nothing. */
export function heard(state, event) {
  if (event.seq <= state.seq) return state;
  return { ...told(state, event), seq: event.seq };
}

function told(state, event) {
  switch (event.type) {
    case "message":
      return messaged(state, event.channel, event.message);
    case "message_deleted":
      return deleted(state, event.channel, event.ts);
    case "ephemeral":
      return whispered(state, event.channel, event.message);
    case "view_opened":
      return { ...state, view: event.view, errors: {}, sending: false, waiting: [], notice: null };
    case "view_updated":
      return { ...state, view: event.view, errors: {}, sending: false, waiting: [] };
    case "view_closed":
      return { ...state, view: event.view ?? null, errors: {}, sending: false, waiting: [] };
    case "home":
      return { ...state, home: event.view, waiting: [] };
    case "warning":
      return warned(state, event);
    case "story":
      return { ...state, playing: event.story ? { since: "0", ...state.playing, id: event.story, text: event.text ?? "" } : null };
    default:
      return state;
  }
}

function messaged(state, channel, message) {
  const source = sourceOf(channel, message.ts);
  const before = (state.messages[channel] ?? []).find((each) => each.ts === message.ts);
  return {
    ...state,
    messages: { ...state.messages, [channel]: put(state.messages[channel], message) },
    waiting: state.waiting.filter((key) => !key.startsWith(`${source} `)),
    chosen: without(state.chosen, source),
    warnings: without(state.warnings, source),
    unread: before || state.pane === "channel" ? state.unread : state.unread + 1,
    playing: state.playing && { ...state.playing, text: "" },
    said: `${before ? "Edited. " : ""}${speakerOf(message, state)}: ${message.text ?? ""}`,
  };
}

function deleted(state, channel, ts) {
  const left = (all) => ({ ...all, [channel]: (all[channel] ?? []).filter((each) => each.ts !== ts) });
  return { ...state, messages: left(state.messages), ephemeral: left(state.ephemeral), waiting: [] };
}

function whispered(state, channel, message) {
  return {
    ...state,
    ephemeral: { ...state.ephemeral, [channel]: put(state.ephemeral[channel], message) },
    dismissed: state.dismissed.filter((ts) => ts !== message.ts),
    thread: state.thread ?? message.thread_ts ?? null, // what is said to one person only must be seen
    waiting: [],
    notice: null,
    said: `Only visible to you. ${speakerOf(message, state)}: ${message.text ?? ""}`,
  };
}

function warned(state, event) {
  const text = event.text ?? NEVER_ANSWERED;
  const source = event.view_id ? `view/${event.view_id}` : event.ts ? sourceOf(event.channel, event.ts) : null;
  const seen = { ...state, waiting: [], sending: false, said: text };
  return source ? { ...seen, warnings: { ...state.warnings, [source]: text } } : { ...seen, notice: text };
}

function put(all = [], message) {
  const left = all.filter((each) => each.ts !== message.ts);
  return [...left, message].sort((one, other) => Number(one.ts) - Number(other.ts));
}

function without(all, source) {
  return Object.fromEntries(Object.entries(all).filter(([key]) => key !== source && !key.startsWith(`${source} `)));
}

/** The name of a message as a place where controls stand. */
export function sourceOf(channel, ts) {
  return `${channel}/${ts}`;
}

export function speakerOf(message, state) {
  const user = state.users.find((each) => each.id === message.user);
  return user?.name ?? message.username ?? "someone";
}

/** What stands in a channel outside of threads: messages and what only this user sees, oldest first. */
export function inChannel(state) {
  return shownOf(state).filter(({ message }) => !message.thread_ts || message.thread_ts === message.ts);
}

/** The open thread, its first message in front. */
export function inThread(state) {
  return shownOf(state).filter(({ message }) => message.ts === state.thread || message.thread_ts === state.thread);
}

/** @returns {Array<{message: Message, whisper: boolean}>} */
function shownOf(state) {
  const open = (state.messages[state.channel] ?? []).map((message) => ({ message, whisper: false }));
  const own = (state.ephemeral[state.channel] ?? [])
    .filter((message) => !state.dismissed.includes(message.ts))
    .map((message) => ({ message, whisper: true }));
  return [...open, ...own].sort((one, other) => Number(one.message.ts) - Number(other.message.ts));
}

export function repliesOf(state, message) {
  const known = (state.messages[state.channel] ?? []).filter((each) => each.thread_ts === message.ts && each.ts !== message.ts);
  return { count: Math.max(known.length, message.reply_count ?? 0), last: known.at(-1)?.ts ?? null };
}

/** What a control's source holds: blocks to look the element up in. */
export function blocksOf(state, source) {
  const view = [state.view, state.home].find((each) => each && source === `view/${each.id}`);
  if (view) return view.blocks;
  for (const [channel, all] of [...Object.entries(state.messages), ...Object.entries(state.ephemeral)]) {
    const found = all.find((each) => sourceOf(channel, each.ts) === source);
    if (found) return found.blocks ?? [];
  }
  return [];
}
