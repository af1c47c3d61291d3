/** Draws the state, hears what people do, and follows the workspace. The only module that holds anything. */

import * as acts from "./acts.js";
import { composer, parsed } from "./composer.js";
import { icon, settle } from "./dom.js";
import { thread, timeline } from "./messages.js";
import { head, hinted, home, may, modal, people, sidebar, stories } from "./places.js";
import { EMPTY, begun, heard, inChannel, inThread } from "./state.js";
import { follow } from "./wire.js";

const NEAR_PX = 96; // from the end: whoever is as near reads the newest
const TICK_MS = 20_000; // for days and "ago"
const OVER = matchMedia("(max-width: 1020px)"); // as in page.css: the thread lies over the channel
const FIRST = "U0ADA"; // whoever is on call is played first

const at = (id) => document.getElementById(id);
const parts = Object.fromEntries(
  ["sidebar", "head", "scroll", "column", "foot", "newest", "notice", "composer", "completions", "command", "acting", "thread", "thread-scroll", "thread-column", "thread-people", "thread-hint", "view", "live", "page"].map((id) => [id, at(id)]),
);

let state = EMPTY;
let stop = () => {};
let drawn = false;
const page = { now: () => state, change };

function change(how) {
  const before = state;
  state = how(state);
  if (state === before) return;
  paint(before);
}

/* Drawing */

function paint(before) {
  const held = holding();
  const place = standing(before);
  settle(parts.sidebar, sidebar(state, document.documentElement.dataset.theme));
  settle(parts.head, head(state));
  settle(parts.column, pane());
  settle(parts["thread-column"], state.thread ? thread(state, { covers: OVER.matches }) : []);
  parts.page.classList.toggle("with-drawer", state.drawer);
  parts.page.classList.toggle("with-thread", threadShown());
  parts.thread.hidden = !threadShown();
  settle(parts["thread-people"], [people(state, { label: "You act as" })]);
  settle(parts["thread-hint"], [hinted(state)].filter(Boolean));
  parts.foot.hidden = state.pane !== "channel";
  parts.scroll.dataset.pane = shown();
  words(parts.notice, state.notice);
  words(parts.acting, state.me ? `You act as ${state.me.name}. ${may(userNow())}` : "");
  if (state.said !== before.said) parts.live.textContent = state.said;
  opened();
  held();
  place();
  glow(before);
}

/** The pane, or "welcome" where the channel is still empty. */
function shown(of = state) {
  return of.pane === "channel" && of.stories.length && !of.playing && !inChannel(of).length ? "welcome" : of.pane;
}

function pane() {
  if (!state.me) return [];
  switch (shown()) {
    case "home":
      return [home(state)];
    case "channel":
      return timeline(state);
    default:
      return [stories(state, { welcome: shown() === "welcome" })];
  }
}

function words(node, text) {
  node.hidden = !text;
  if (node.textContent !== (text ?? "")) node.textContent = text ?? "";
}

function userNow() {
  return state.users.find((each) => each.id === state.me.id);
}

function threadShown() {
  return state.pane === "channel" && state.thread !== null && inThread(state).length > 0;
}

/** The focus stays where it is; where its control is gone, its message has it. */
function holding() {
  const had = document.activeElement;
  const around = had?.closest("[data-source]");
  return () => {
    if (!had || had === document.body || had.isConnected || document.querySelector("dialog[open]")) return;
    const same = around?.dataset.source && document.querySelector(`[data-source="${CSS.escape(around.dataset.source)}"]`);
    (same ?? parts.command).focus({ preventScroll: true });
  };
}

/** Whoever reads the end goes on reading the end when something is added; an edit moves nobody. */
function standing(before) {
  const ends = [
    [parts.scroll, parts.column],
    [parts["thread-scroll"], parts["thread-column"]],
  ].map(([box, column]) => ({
    box,
    column,
    had: column.childElementCount,
    whispers: column.querySelectorAll(".whisper").length,
    high: box.clientHeight,
    near: nearEnd(box),
  }));
  const was = showing(before);
  return () => {
    const [channel, beside] = ends;
    if (shown() !== "channel") channel.box.scrollTop = was === showing(state) ? channel.box.scrollTop : 0;
    else if (was === showing(state)) keptAtEnd(channel);
    else toEnd(channel.box, channel.column);
    if (before.thread === state.thread) keptAtEnd(beside, { asks: true });
    else toEnd(beside.box, beside.column);
    newest();
  };
}

/** What the column shows, as one word that changes when something else is shown. */
function showing(of) {
  return [shown(of), of.channel].join(" ");
}

/** With `asks`, a new message with buttons has to be seen, as an answer to the one who acts has. */
function keptAtEnd({ box, column, had, whispers, high, near }, { asks = false } = {}) {
  const more = column.childElementCount > had;
  const toMe = column.querySelectorAll(".whisper").length > whispers;
  if (toMe || (asks && more && column.lastElementChild.querySelector(".actions")) || (near && (more || box.clientHeight < high))) toEnd(box, column);
}

/** To the end, but no further than the top of the newest message. */
function toEnd(box, column) {
  const top = column.lastElementChild?.offsetTop ?? 0;
  box.scrollTop = Math.min(box.scrollHeight, Math.max(0, top - 4));
}

function nearEnd(box) {
  return box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
}

function newest() {
  parts.newest.hidden = shown() !== "channel" || nearEnd(parts.scroll);
}

/** The open modal. It is the workspace that opens and closes it. */
function opened() {
  const box = parts.view;
  if (!state.view) {
    if (box.open) box.close();
    box.replaceChildren();
    return;
  }
  settle(box, modal(state));
  const fresh = box.dataset.view !== state.view.id || !box.open;
  box.dataset.view = state.view.id;
  if (!box.open) box.showModal();
  const lost = !box.contains(document.activeElement) || document.activeElement.id === "modal-title";
  if (fresh || lost) (box.querySelector("[autofocus], [data-field]:not([role]), [data-field] input") ?? at("modal-title")).focus();
}

/** A message that changed glows for a moment, so that the eye finds it. */
function glow(before) {
  if (!drawn || before.me?.id !== state.me?.id || matchMedia("(prefers-reduced-motion: reduce)").matches) {
    drawn = state.me !== null;
    return;
  }
  const was = new Map((before.messages[state.channel] ?? []).map((each) => [each.ts, each]));
  for (const message of state.messages[state.channel] ?? []) {
    if (was.get(message.ts) === message || before.channel !== state.channel) continue;
    for (const node of document.querySelectorAll(`.message[data-ts="${CSS.escape(message.ts)}"]`)) {
      node.animate([{ backgroundColor: "var(--glow)" }, { backgroundColor: "transparent" }], { duration: 1_200, easing: "ease-out" });
    }
  }
}

/* Hearing */

const DOES = {
  click: (node) => acts.press(page, node),
  choose: (node) => acts.choose(page, node),
  "close-view": () => acts.dismissView(page),
  file: (node) => acts.openFile(page, node.dataset.file),
  story: (node) => acts.startStory(page, node.dataset.story),
  "act-as": (node) => join(node.dataset.user),
  theme: (node) => dress(node.dataset.theme),
  thread: (node) => openThread(node.dataset.ts),
  "close-thread": () => closeThread(),
  drawer: () => drawer(!state.drawer),
  newest: () => parts.scroll.scrollTo({ top: parts.scroll.scrollHeight }),
  dismiss: (node) => change((now) => ({ ...now, dismissed: [...now.dismissed, node.dataset.ts] })),
  go: (node) => go(node.dataset),
};

function go({ pane: next, channel }) {
  change((now) => ({ ...now, pane: next, channel: channel ?? now.channel, drawer: false, unread: next === "channel" ? 0 : now.unread }));
  if (next === "home") acts.openHome(page);
}

function openThread(ts) {
  change((now) => ({ ...now, thread: ts, threadSince: inChannel(now).at(-1)?.message.ts ?? "0" }));
  at("thread-close").focus({ preventScroll: true });
}

function closeThread() {
  const { thread: ts } = state;
  change((now) => ({ ...now, thread: null }));
  parts.column.querySelector(`.replies[data-ts="${CSS.escape(ts ?? "")}"]`)?.focus({ preventScroll: true });
}

function drawer(open) {
  change((now) => ({ ...now, drawer: open }));
  (open ? parts.sidebar.querySelector("button") : parts.head.querySelector("[data-do=drawer]"))?.focus();
}

function dress(theme) {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("theme", theme);
  change((now) => ({ ...now }));
}

function listen() {
  document.addEventListener("click", (event) => {
    const node = event.target.closest("[data-do]");
    if (node) DOES[node.dataset.do](node);
    else if (state.drawer && !event.target.closest("#sidebar")) drawer(false);
  });
  document.addEventListener("change", (event) => {
    const node = event.target.closest("[data-tells]");
    if (node) acts.tell(page, node);
  });
  document.addEventListener("keydown", keyed);
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("#view form")) return;
    event.preventDefault();
    acts.submit(page, event.target);
  });
  parts.view.addEventListener("cancel", (event) => {
    event.preventDefault();
    acts.dismissView(page);
  });
  parts.scroll.addEventListener("scroll", newest, { passive: true });
  composer(
    { form: parts.composer, input: parts.command, list: parts.completions },
    { commands: () => state.commands, send },
  );
}

async function send(line) {
  const command = parsed(line, state.commands);
  if (command) return acts.command(page, command);
  const known = state.commands.map((each) => each.command).join(", ");
  change((now) => ({ ...now, notice: `Only commands are understood here. Try ${known} help.` }));
  return false;
}

function keyed(event) {
  if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
  const { target, key } = event;
  if (target.matches("[role=radio]") && /^Arrow/.test(key)) stepRadio(event);
  else if (target.matches("#scroll, #thread-scroll, .message") && /^Arrow(Up|Down)$/.test(key)) stepMessage(event);
  else if (key === "Escape" && !document.querySelector("dialog[open]")) escape();
  else if (key === "/" && !target.matches("input, textarea, select") && !document.querySelector("dialog[open]")) slash(event);
}

function stepRadio(event) {
  const all = [...event.target.closest("[role=radiogroup]").querySelectorAll("[role=radio]")];
  const by = /Right|Down/.test(event.key) ? 1 : -1;
  const next = all[(all.indexOf(event.target) + by + all.length) % all.length];
  event.preventDefault();
  next.focus();
  next.click();
}

/** From message to message; one that is higher than the window is scrolled through first. */
function stepMessage(event) {
  const box = event.target.closest(".scroll");
  const all = [...box.querySelectorAll(".message")];
  const down = event.key === "ArrowDown";
  const here = all.indexOf(event.target);
  const edge = event.target.getBoundingClientRect();
  const frame = box.getBoundingClientRect();
  if (here >= 0 && (down ? edge.bottom > frame.bottom + 1 : edge.top < frame.top - 1)) return;
  const next = here < 0 ? all.at(-1) : all[here + (down ? 1 : -1)];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

function escape() {
  if (state.drawer) drawer(false);
  else if (threadShown()) closeThread();
}

function slash(event) {
  if (state.pane !== "channel") return;
  event.preventDefault();
  parts.command.focus();
  if (!parts.command.value) {
    parts.command.value = "/";
    parts.command.dispatchEvent(new Event("input"));
  }
}

/* Following */

function join(user) {
  stop();
  stop = follow(user, {
    begin: (snapshot) => {
      change((now) => begun(now, snapshot));
      if (state.pane === "home") acts.openHome(page);
    },
    hear: (event) => change((now) => heard(now, event)),
    lost: () => change((now) => ({ ...now, online: false })),
  });
  if (user) sessionStorage.setItem("user", user);
  change((now) => ({ ...now, drawer: false }));
}

parts.composer.querySelector(".send").append(icon("send"));
parts.newest.append(icon("down"));
at("thread-close").append(icon("close"));
listen();
join(sessionStorage.getItem("user") ?? FIRST);
setInterval(() => change((now) => ({ ...now })), TICK_MS);
