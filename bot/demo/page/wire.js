/** The workspace's side of the page, over its own paths and no others. */

const AGAIN_MS = 1_000;

/** What the workspace has for one user now. */
export async function snapshot(user) {
  const answer = await fetch(`/page/state?${new URLSearchParams(user ? { user } : {})}`, { cache: "no-store" });
  if (!answer.ok) throw new Error(`state: HTTP ${answer.status}`);
  return answer.json();
}

/**
 * Say something to the workspace. Its answer, or `{ok: false, error: "offline"}` where there is none.
 * @param {string} what the last part of the path
 * @param {object} body
 * @returns {Promise<{ok: boolean, error?: string, errors?: Record<string, string>}>}
 */
export async function say(what, body) {
  try {
    const answer = await fetch(`/page/${what}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return await answer.json();
  } catch {
    return { ok: false, error: "offline" };
  }
}

/**
 * How a command could go on. None where the workspace does not answer, or the question was given up.
 * @param {string} text
 * @param {AbortSignal} signal
 * @returns {Promise<Array<{text: string, about?: string}>>}
 */
export async function completions(text, signal) {
  try {
    const answer = await fetch(`/page/suggest?${new URLSearchParams({ text })}`, { signal, cache: "no-store" });
    return (await answer.json()).suggestions ?? [];
  } catch {
    return [];
  }
}

/** A file's text. */
export async function fileText(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`file: HTTP ${answer.status}`);
  return answer.text();
}

/**
 * Follow the workspace as one user until told to stop. After every break the state is read anew, because what was
 * missed is then certainly in it.
 * @param {string | null} user
 * @param {{begin: (snapshot: object) => void, hear: (event: object) => void, lost: () => void}} ears
 * @returns {() => void} stop
 */
export function follow(user, ears) {
  let over = false;
  let stream = null;
  let timer = 0;
  const again = () => {
    stream?.close();
    if (over) return;
    ears.lost();
    timer = setTimeout(start, AGAIN_MS);
  };
  const start = async () => {
    try {
      const now = await snapshot(user);
      if (over) return;
      ears.begin(now);
      stream = new EventSource(`/page/events?${new URLSearchParams({ user: now.me.id, after: String(now.seq) })}`);
      stream.onmessage = (event) => ears.hear(JSON.parse(event.data));
      stream.onerror = again;
    } catch {
      again();
    }
  };
  start();
  return () => {
    over = true;
    clearTimeout(timer);
    stream?.close();
  };
}
