/** What stands around the messages: the sidebar, the heads of the panes, the stories, the App Home. */

import { drawn } from "./blocks.js";
import { worded } from "./controls.js";
import { h, icon, tinted } from "./dom.js";
import { hint } from "./hints.js";
import { initial, knowing, warning } from "./messages.js";

/** What each role may do, in words that need no manual. */
const MAY = {
  "on-call": "On call: asks for fixes. Nobody approves what they asked for themselves.",
  approver: "Approves or rejects what somebody else asked for.",
  none: "In the channel, but not in the settings: reads everything, decides nothing.",
};

const THEMES = [
  ["system", "System"],
  ["light", "Light"],
  ["dark", "Dark"],
];

/** Whoever can be played: those whose role the page has words for. */
export function actors(state) {
  return state.users.filter((each) => Object.hasOwn(MAY, each.role));
}

/** What the one who acts may do. */
export function may(user) {
  return MAY[user?.role] ?? "";
}

export function sidebar(state, theme) {
  return [
    h(
      "div",
      { class: "team" },
      h("span", { class: "team-name" }, state.team.name || "Workspace"),
      h("span", { class: "team-kind" }, "on this machine"),
      h("button", { type: "button", class: "icon-button only-phone", "data-do": "drawer", "aria-label": "Close the sidebar" }, icon("close")),
    ),
    h(
      "nav",
      { "aria-label": "Places" },
      h(
        "ul",
        { class: "places" },
        state.channels.map((each) =>
          place(`channel ${each.id}`, h("span", { class: "hash", "aria-hidden": "true" }, "#"), each.name, {
            here: state.pane === "channel" && state.channel === each.id,
            channel: each.id,
            unread: state.unread,
          }),
        ),
        place("home", icon("home"), "App Home", { here: state.pane === "home" }),
        place("stories", icon("book"), "Stories", { here: state.pane === "stories" }),
      ),
    ),
    h("h2", { class: "side-title", id: "act-as" }, "You act as"),
    people(state, { words: true, label: "You act as" }),
    h("div", { class: "spring" }),
    themes(theme),
  ];
}

function place(key, sign, name, { here, channel = null, unread = 0 }) {
  return h(
    "li",
    { "data-key": key },
    h(
      "button",
      { type: "button", class: "place", "data-do": "go", "data-pane": key.split(" ")[0], "data-channel": channel, "aria-current": here ? "page" : null },
      sign,
      h("span", { class: "place-name" }, name),
      unread ? h("span", { class: "unread" }, String(unread), h("span", { class: "unseen" }, " new")) : null,
    ),
  );
}

/** The switch between people. With `words`, what each may do stands beside the name. */
export function people(state, { words = false, label }) {
  const group = words ? "people" : "people-short";
  return h(
    "div",
    { class: group, role: "radiogroup", "aria-label": label },
    actors(state).map((user) => {
      const on = user.id === state.me?.id;
      return h(
        "button",
        {
          type: "button",
          class: "person",
          role: "radio",
          "aria-checked": on ? "true" : "false",
          tabindex: on ? "0" : "-1",
          "data-do": "act-as",
          "data-user": user.id,
          "data-key": `${group} ${user.id}`,
          "aria-label": words ? null : user.name,
          title: words ? null : `Act as ${user.name}`,
        },
        tinted(h("span", { class: "avatar small", "aria-hidden": "true" }, initial(user.name)), user.color),
        h(
          "span",
          { class: "person-words" },
          h("span", { class: "person-name" }, user.name),
          words ? h("span", { class: "person-may" }, may(user)) : null,
        ),
      );
    }),
  );
}

function themes(theme) {
  return h(
    "div",
    { class: "themes", role: "radiogroup", "aria-label": "Light or dark" },
    THEMES.map(([id, name]) =>
      h(
        "button",
        {
          type: "button",
          class: "theme",
          role: "radio",
          "aria-checked": id === theme ? "true" : "false",
          tabindex: id === theme ? "0" : "-1",
          "data-do": "theme",
          "data-theme": id,
          "data-key": `theme ${id}`,
        },
        name,
      ),
    ),
  );
}

/** The line above the pane. */
export function head(state) {
  const channel = state.channels.find((each) => each.id === state.channel);
  const title = { channel: channel ? `# ${channel.name}` : "", home: "App Home", stories: "Stories" }[state.pane];
  return [
    h(
      "div",
      { class: "head-line" },
      h("button", { type: "button", class: "icon-button only-phone", "data-do": "drawer", "aria-label": "Open the sidebar", "data-key": "menu" }, icon("menu")),
      h("h1", { class: "head-title" }, title),
      h("div", { class: "only-phone", "data-key": "people" }, people(state, { label: "You act as" })),
    ),
    state.pane === "channel" ? hinted(state) : null,
    state.online ? null : h("p", { class: "offline", role: "status", "data-key": "offline" }, "The workspace does not answer. Trying again."),
  ].filter(Boolean);
}

/** What could be done next, with a button that does it. */
export function hinted(state) {
  const next = hint(state);
  if (!next) return null;
  const { words, ...data } = next.does ?? {};
  const does = Object.fromEntries(Object.entries(data).map(([name, value]) => [`data-${name}`, value]));
  return h(
    "p",
    { class: "hinted", role: "note", "aria-label": "What next", "data-key": "hint" },
    icon("point"),
    h("span", { class: "hint-words" }, next.text),
    words ? h("button", { type: "button", class: "button plain small", "data-key": `hint ${words}`, ...does }, words) : null,
  );
}

/** The stories, each with what it is about, and with the one that ends it. */
export function stories(state, { welcome }) {
  return h(
    "section",
    { class: "stories", "data-key": "stories", "aria-label": "Stories" },
    welcome
      ? h("div", { class: "welcome" }, h("h2", {}, "Nothing is stuck yet"), h("p", {}, "Choose a story. It breaks the cluster on this machine in one particular way; the bot notices by itself."))
      : h("p", { class: "lead" }, "Each story breaks the cluster on this machine in one particular way. The bot notices by itself, and what it does afterwards is real."),
    h(
      "ul",
      { class: "cards" },
      state.stories
        .filter((each) => !each.after)
        .map((each) =>
          h(
            "li",
            { class: "card", "data-key": `story ${each.id}` },
            h("h3", {}, each.title),
            h("p", {}, each.about),
            h(
              "div",
              { class: "card-buttons" },
              starts(each, "primary", "Start"),
              welcome ? [] : state.stories.filter((end) => end.after === each.id).map((end) => starts(end, "plain", end.title)),
            ),
          ),
        ),
    ),
  );
}

function starts(story, style, words) {
  return h(
    "button",
    { type: "button", class: `button ${style}`, "data-do": "story", "data-story": story.id, "data-key": `start ${story.id}`, "aria-label": `Start: ${story.title}`, title: story.about },
    words,
  );
}

/** The app's own page for whoever acts. */
export function home(state) {
  if (!state.home) return h("p", { class: "lead", "data-key": "home-empty" }, "The app has not drawn its Home yet.");
  const source = `view/${state.home.id}`;
  return h(
    "section",
    { class: "home", "data-key": "home", "data-source": source, "aria-label": "App Home" },
    drawn(state.home.blocks, { ...knowing(state), source }),
    state.warnings[source] ? warning(state.warnings[source]) : null,
  );
}

/** A modal's own parts: head, blocks and foot. */
export function modal(state) {
  const { view } = state;
  const source = `view/${view.id}`;
  return [
    h(
      "form",
      { class: "modal", "data-key": source, "data-source": source, novalidate: true, method: "dialog" },
      h(
        "header",
        { class: "modal-head" },
        h("h2", { id: "modal-title", tabindex: "-1" }, worded(view.title)),
        h("button", { type: "button", class: "icon-button", "data-do": "close-view", "aria-label": "Close" }, icon("close")),
      ),
      h(
        "div",
        { class: "modal-body" },
        state.warnings[source] ? warning(state.warnings[source]) : null,
        drawn(view.blocks, { ...knowing(state), source }, state.errors),
      ),
      h(
        "footer",
        { class: "modal-foot" },
        h("button", { type: "button", class: "button plain", "data-do": "close-view", "data-key": "cancel" }, view.close ? worded(view.close) : view.submit ? "Cancel" : "Close"),
        view.submit
          ? h("button", { type: "submit", class: "button primary", "data-key": "submit", "aria-busy": state.sending ? "true" : null }, worded(view.submit))
          : null,
      ),
    ),
  ];
}
