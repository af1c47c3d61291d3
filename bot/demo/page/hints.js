/** What a visitor could do next, by what the newest alert says and who they act as. */

import { inChannel, inThread } from "./state.js";

const STATUS = /^\W*((?!FIXES )[A-Z][A-Z ]*[A-Z])\b/;
const UNDER_WAY = new Set(["CHECKING", "FIXING", "VERIFYING"]);

/** @typedef {{text: string, does?: {words: string, [data: string]: string}}} Hint `does`: a button that does it */

/** @returns {Hint | null} */
export function hint(state) {
  if (!state.me || !state.stories.length) return null;
  if (state.playing?.text) return { text: state.playing.text };
  const alert = alertOf(state);
  if (!alert) return state.playing ? { text: "The bot looks at the cluster every few seconds. Its alert will appear here." } : null;
  return said(state, alert, STATUS.exec(alert.text ?? "")?.[1] ?? "");
}

/** The story that ends the one which is playing, if there is one. */
function ending(state) {
  return state.stories.find((each) => each.after && each.after === state.playing?.id);
}

/** The newest message of the app in the channel, of the story that is playing if one is. */
function alertOf(state) {
  const since = Number(state.playing?.since ?? 0);
  return inChannel(state)
    .filter(({ message, whisper }) => !whisper && STATUS.test(message.text ?? "") && Number(message.ts) > since)
    .at(-1)?.message;
}

function said(state, alert, status) {
  if (/^RESOLVED/.test(status)) return { text: "It is over. The thread keeps who did what.", does: { words: "Another story", do: "go", pane: "stories" } };
  if (UNDER_WAY.has(status)) return { text: "Agreed. The bot looks once more, acts once, and watches until the pod is gone and stays gone: half a minute." };
  if (status === "WAITING FOR APPROVAL") return waiting(state, alert);
  if (status === "OUTCOME UNKNOWN") return { text: "The bot cannot prove what happened. Whoever may approve looks, and says which it was." };
  return stuck(state, alert);
}

function stuck(state, alert) {
  if (offers(alert)) {
    if (state.me.role === "none") return { text: `${state.me.name} may not ask for fixes. Try it; then act as Ada.`, does: acting(state, "on-call") };
    return { text: "Read the evidence in the thread. Then ask for the fix, here on the alert.", does: opening(state, alert) };
  }
  const then = ending(state);
  if (then) return { text: "Nothing is offered that could do harm. What helps is not the bot's to do:", does: telling(then) };
  if (!alert.reply_count && !inThread({ ...state, thread: alert.ts }).some(({ message }) => message !== alert)) return { text: "The bot is asking the node." };
  return { text: "Nothing is offered that could do harm. Stories has what helps from outside.", does: { words: "Stories", do: "go", pane: "stories" } };
}

function waiting(state, alert) {
  const then = ending(state);
  const asked = askedBy(state, alert);
  if (then && asked?.id === state.me.id) {
    return { text: "You asked, so others approve: two, and this demo has one. The plan says so. The better end:", does: telling(then) };
  }
  if (asked && asked.id === state.me.id) {
    const other = state.me.role === "approver" ? "on-call" : "approver";
    return { text: "You asked, so somebody else approves. Try it yourself; then act as another.", does: acting(state, other) };
  }
  if (state.me.role === "none") return { text: `${state.me.name} decides nothing. Try to approve; then act as Ben.`, does: acting(state, "approver") };
  if (then) return { text: "This takes two who did not ask, and one is missing here. Approve as the first; then the better end:", does: telling(then) };
  return { text: `${asked ? `${asked.name} asked` : "Somebody asked"}. Read the plan in the thread, and approve it there.`, does: opening(state, alert) };
}

function offers(message) {
  return (message.blocks ?? []).some((block) => (block.elements ?? []).some((each) => /^request/.test(each.action_id ?? "")));
}

/** By the plan's own first words. */
function askedBy(state, alert) {
  const plan = inThread({ ...state, thread: alert.ts }).findLast(({ message }) => / asks /.test(message.text ?? ""));
  const name = /(\S+) asks /.exec(plan?.message.text ?? "")?.[1]?.toLowerCase();
  return state.users.find((each) => each.name.toLowerCase() === name);
}

function opening(state, alert) {
  return state.thread === alert.ts ? undefined : { words: "Open the thread", do: "thread", ts: alert.ts };
}

function acting(state, role) {
  const user = state.users.find((each) => each.role === role);
  return user && { words: `Act as ${user.name}`, do: "act-as", user: user.id };
}

function telling(story) {
  return { words: story.title, do: "story", story: story.id };
}
