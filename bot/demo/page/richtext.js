/** Rich text: styles are data beside the words, so nothing in the words is markup. */

import { moment } from "./dates.js";
import { h, link } from "./dom.js";
import { byNumbers, emoji } from "./emoji.js";
import { lines, mention } from "./mrkdwn.js";
import { signed } from "./signs.js";

const STYLES = { code: "code", bold: "strong", italic: "em", strike: "s", underline: "u" };

/**
 * @param {{elements?: object[]}} block
 * @param {import("./mrkdwn.js").Names} names
 */
export function richText(block, names) {
  return h("div", { class: "rich" }, nested(block.elements ?? [], names));
}

/** Lists that stand deeper go into the item before them. */
function nested(elements, names) {
  const out = [];
  for (const each of elements) {
    const parent = each.type === "rich_text_list" && each.indent > 0 ? deepest(out.at(-1), each.indent) : null;
    if (parent) parent.append(list(each, names));
    else out.push(piece(each, names));
  }
  return out;
}

function deepest(last, indent) {
  let item = null;
  for (let place = last, depth = 0; depth < indent && /^[UO]L$/.test(place?.tagName ?? ""); depth += 1) {
    item = place.lastElementChild;
    place = item?.lastElementChild;
  }
  return item;
}

function piece(each, names) {
  switch (each.type) {
    case "rich_text_section":
      return h("div", { class: "run" }, words(each, names));
    case "rich_text_preformatted":
      return h("pre", {}, lines(words(each, names)));
    case "rich_text_quote":
      return h("blockquote", {}, words(each, names));
    case "rich_text_list":
      return list(each, names);
    default:
      return h("div", { class: "refused" }, `Not shown: ${each.type}`);
  }
}

function list(each, names) {
  const ordered = each.style === "ordered";
  const items = (each.elements ?? []).map((item) => h("li", {}, h("span", { class: "run" }, words(item, names))));
  return h(ordered ? "ol" : "ul", { start: ordered && each.offset > 0 ? each.offset + 1 : null }, items);
}

function words(each, names) {
  return (each.elements ?? []).flatMap((element) => styled(word(element, names), element.style));
}

function word(element, names) {
  switch (element.type) {
    case "text":
      return signed(element.text ?? "");
    case "link":
      return link(element.url ?? "", element.text || element.url || "");
    case "user":
      return mention(`@${names.users.get(element.user_id)?.name ?? element.user_id}`);
    case "usergroup":
      return mention(`@${element.usergroup_id}`);
    case "channel":
      return mention(`#${names.channels.get(element.channel_id)?.name ?? element.channel_id}`);
    case "broadcast":
      return mention(`@${element.range}`);
    case "emoji":
      return signed((element.unicode && byNumbers(element.unicode)) || emoji(element.name) || `:${element.name}:`);
    case "date":
      return moment(element, names.now);
    case "color":
      return h("code", {}, element.value ?? "");
    default:
      return h("span", { class: "refused" }, `Not shown: ${element.type}`);
  }
}

function styled(node, style) {
  let inside = node;
  for (const [name, tag] of Object.entries(STYLES)) {
    if (style?.[name]) inside = h(tag, {}, inside);
  }
  return inside;
}
