// Which model answers here, read once and said at the top.

import { onNewKey } from "./key.js";
import { Problem } from "./problems.js";
import { readModels } from "./server.js";

/** @type {ReturnType<typeof readModels> | null} */
let read = null;

/** What the server serves; asked again only after a failure. */
export function readOnce() {
  read ??= readModels().catch((error) => {
    read = null;
    throw error;
  });
  return read;
}

/** Say at the top what is served, and what to be careful about. */
export async function showModels() {
  const alarm = /** @type {HTMLElement} */ (document.getElementById("page-alarm"));
  try {
    const { name, cautions } = await readOnce();
    alarm.hidden = true;
    fill(name, cautions);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    alarm.textContent = error.message;
    alarm.hidden = error.status === 401; // then the key's own field says it
  }
}

/**
 * @param {string} name
 * @param {string[]} cautions
 */
function fill(name, cautions) {
  const served = /** @type {HTMLElement} */ (document.getElementById("served"));
  const list = /** @type {HTMLElement} */ (document.getElementById("cautions"));
  const model = document.createElement("bdi");
  model.textContent = name;
  served.replaceChildren("Answered by ", model, ", each word read by its detector as it is written.");
  served.hidden = false;
  list.replaceChildren(...cautions.map(item));
  list.hidden = cautions.length === 0;
}

/** @param {string} words */
function item(words) {
  const made = document.createElement("li");
  made.textContent = words;
  return made;
}

onNewKey(() => void showModels());
