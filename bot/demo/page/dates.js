/**
 * Moments as the platform's date tokens show them, in the zone of whoever reads.
 *
 * The words are those of docs.slack.dev/messaging/formatting-message-text; the clock has 24 hours.
 */

import { h, link } from "./dom.js";

const LANGUAGE = "en-GB";
const DAY_MS = 86_400_000;

/** @type {Record<string, (at: Date, now: Date) => string>} */
const FORMATS = {
  date_num: (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`,
  date_slash: (at) => `${two(at.getMonth() + 1)}/${two(at.getDate())}/${at.getFullYear()}`,
  date_long: (at) => written(at, { weekday: "long", day: "numeric", month: "long", year: "numeric" }),
  date_long_full: (at) => written(at, { weekday: "long", day: "numeric", month: "long", year: "numeric" }),
  date_long_pretty: (at, now) => near(at, now) ?? FORMATS.date_long(at, now),
  date: (at) => written(at, { day: "numeric", month: "long", year: "numeric" }),
  date_pretty: (at, now) => near(at, now) ?? FORMATS.date(at, now),
  date_short: (at) => written(at, { day: "numeric", month: "short", year: "numeric" }),
  date_short_pretty: (at, now) => near(at, now) ?? FORMATS.date_short(at, now),
  day_divider_pretty: (at, now) => near(at, now) ?? FORMATS.date_long(at, now),
  time: (at) => `${two(at.getHours())}:${two(at.getMinutes())}`,
  time_secs: (at) => `${FORMATS.time(at)}:${two(at.getSeconds())}`,
  ago: (at, now) => ago(at, now),
};

/**
 * A date token. Where the number or a word of the format is not one, the fallback is shown, as the platform does.
 * @param {{timestamp: unknown, format: unknown, fallback?: string, url?: string}} token
 * @param {Date} now
 */
export function moment({ timestamp, format, fallback = "", url }, now) {
  const at = new Date(Number(timestamp) * 1000);
  const shown = Number.isNaN(at.getTime()) ? null : formatted(String(format), at, now);
  if (shown === null) return h("span", {}, fallback);
  const time = h("time", { datetime: at.toISOString(), title: `${at.toISOString().slice(0, 19).replace("T", " ")} UTC` }, shown);
  return url ? link(url, time) : time;
}

function formatted(format, at, now) {
  let known = true;
  const shown = format.replace(/\{([^{}]*)\}/g, (_, word) => {
    if (!Object.hasOwn(FORMATS, word)) known = false;
    return known ? FORMATS[word](at, now) : "";
  });
  return known && shown ? capital(shown) : null;
}

/** The time of a message: its `ts` is seconds with a counter behind the point. */
export function stamped(ts) {
  return moment({ timestamp: Number(ts), format: "{time}", fallback: "" }, new Date());
}

/** The day of a message, as a heading between days. */
export function dayOf(ts, now) {
  return capital(FORMATS.day_divider_pretty(new Date(Number(ts) * 1000), now));
}

function near(at, now) {
  const days = Math.round((midnight(at) - midnight(now)) / DAY_MS);
  return { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days] ?? null;
}

function midnight(at) {
  return new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
}

function ago(at, now) {
  const seconds = Math.round((now.getTime() - at.getTime()) / 1000);
  const length = Math.abs(seconds);
  const [count, unit] =
    length < 60 ? [length, "s"] : length < 3600 ? [Math.floor(length / 60), "min"] : length < 86_400 ? [Math.floor(length / 3600), "h"] : [Math.floor(length / 86_400), "d"];
  return seconds < 0 ? `in ${count} ${unit}` : `${count} ${unit} ago`;
}

function written(at, options) {
  return new Intl.DateTimeFormat(LANGUAGE, options).format(at);
}

function two(number) {
  return String(number).padStart(2, "0");
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
