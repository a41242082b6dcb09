// Asking: the question goes to the model, and its answer comes word by word.

import { readOnce } from "./models.js";
import { Problem, CUT } from "./problems.js";
import { ResultView } from "./result.js";
import { ask } from "./server.js";

/** Make the form work. */
export function startAsking() {
  const form = /** @type {HTMLFormElement} */ (document.getElementById("ask-form"));
  const question = /** @type {HTMLTextAreaElement} */ (document.getElementById("question"));
  const submit = /** @type {HTMLButtonElement} */ (form.querySelector("[type=submit]"));
  const stop = /** @type {HTMLButtonElement} */ (document.getElementById("stop"));
  const result = new ResultView(/** @type {HTMLElement} */ (document.querySelector("#panel-ask [data-result]")));
  /** @type {AbortController | null} */
  let writing = null;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (writing || !question.value.trim()) return;
    writing = new AbortController();
    exchange(submit, stop);
    try {
      await write(result, question.value.trim(), writing.signal);
    } finally {
      writing = null;
      exchange(stop, submit);
    }
  });
  question.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  stop.addEventListener("click", () => writing?.abort());
}

/**
 * @param {ResultView} result
 * @param {string} question
 * @param {AbortSignal} signal
 */
async function write(result, question, signal) {
  result.start(question, "Writing …");
  try {
    const { name } = await readOnce();
    const end = await follow(result, ask(name, question, signal));
    if (!end.judged) throw new Problem(CUT);
    result.finish(end.judged, end.cut ? "The answer was cut: it reached the most tokens that are allowed." : "");
  } catch (error) {
    if (!signal.aborted) return result.fail(error);
    result.stop("Stopped. What stands here is a part of an answer, without a verdict.");
  }
}

/**
 * Show what comes until nothing more comes.
 * @param {ResultView} result
 * @param {AsyncIterable<import("./server.js").Step>} steps
 */
async function follow(result, steps) {
  let judged;
  let cut = false;
  for await (const step of steps) {
    if (step.tokens?.length) result.add(step.tokens);
    if (step.care) result.addCare(step.care);
    judged = step.judged ?? judged;
    cut ||= step.cut ?? false;
  }
  return { judged, cut };
}

/**
 * One button takes another's place, and its focus.
 * @param {HTMLButtonElement} gone
 * @param {HTMLButtonElement} here
 */
function exchange(gone, here) {
  const focused = document.activeElement === gone;
  here.hidden = false;
  gone.hidden = true;
  if (focused) here.focus();
}
