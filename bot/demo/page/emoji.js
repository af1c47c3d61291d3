/** Emoji by their names between colons; a name that is not here stays as it was written. */

const BY_NAME = {
  alarm_clock: "⏰", arrow_right: "➡️", arrows_counterclockwise: "🔄", ballot_box_with_check: "☑️", beetle: "🪲", bell: "🔔",
  black_circle: "⚫", bulb: "💡", checkered_flag: "🏁", clipboard: "📋", clock1: "🕐", eyes: "👀", fire: "🔥",
  double_vertical_bar: "⏸️", ghost: "👻", hammer_and_wrench: "🛠️", heavy_check_mark: "✔️", hourglass: "⌛", hourglass_flowing_sand: "⏳",
  information_source: "ℹ️", large_blue_circle: "🔵", large_green_circle: "🟢", large_orange_circle: "🟠", large_yellow_circle: "🟡",
  lock: "🔒", mag: "🔍", memo: "📝", no_entry: "⛔", no_entry_sign: "🚫", octagonal_sign: "🛑", paperclip: "📎", pause_button: "⏸️",
  point_right: "👉", pushpin: "📌", question: "❓", raised_hand: "✋", red_circle: "🔴", rotating_light: "🚨", skull: "💀",
  stopwatch: "⏱️", thumbsup: "👍", "+1": "👍", thumbsdown: "👎", "-1": "👎", tada: "🎉", unlock: "🔓", warning: "⚠️", wave: "👋",
  white_check_mark: "✅", white_circle: "⚪", wrench: "🔧", x: "❌", zap: "⚡",
};

/** Names between colons as signs. */
export function emojied(text) {
  return text.replace(/:([a-z0-9_+'-]+):/g, (whole, name) => emoji(name) ?? whole);
}

/** The sign of a name, or null. */
export function emoji(name) {
  return Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : null;
}

/** A sign by the numbers of its characters, as rich text gives it: `1f7e1` or `26a0-fe0f`. */
export function byNumbers(unicode) {
  const numbers = String(unicode).split("-").map((each) => Number.parseInt(each, 16));
  return numbers.every((each) => each > 0 && each <= 0x10ffff) ? String.fromCodePoint(...numbers) : null;
}
