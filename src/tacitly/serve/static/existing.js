// Scoring an answer that exists already.

import { ResultView } from "./result.js";
import { score } from "./server.js";
import { tokensOf } from "./words.js";

/** Make the form work. */
export function startScoring() {
  const form = /** @type {HTMLFormElement} */ (document.getElementById("existing-form"));
  const question = /** @type {HTMLTextAreaElement} */ (document.getElementById("existing-question"));
  const answer = /** @type {HTMLTextAreaElement} */ (document.getElementById("existing-answer"));
  const result = new ResultView(/** @type {HTMLElement} */ (document.querySelector("#panel-existing [data-result]")));
  let busy = false;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    try {
      await show(result, question.value.trim(), answer.value);
    } finally {
      busy = false;
    }
  });
}

/**
 * @param {ResultView} result
 * @param {string} question
 * @param {string} answer
 */
async function show(result, question, answer) {
  result.start(question, "Reading …");
  try {
    const judged = await score(question, answer);
    result.add(tokensOf(answer, judged.tokens));
    if (judged.tokens_error) result.addCare(judged.tokens_error);
    result.finish(judged);
  } catch (error) {
    result.fail(error);
  }
}
