// The verdict, its probability, and what both mean in words.

import { inHundred, percent } from "./words.js";

/** @typedef {import("./server.js").Judged} Judged */

const MARKS = { trust: "✓", doubt: "?", abstain: "–" };
const NAMES = { trust: "Trust", doubt: "Doubt", abstain: "Abstain" };

/**
 * The verdict's lines: the first in short, the rest what it means.
 * @param {Judged} judged
 */
export function verdictLines(judged) {
  const verdict = judged.verdict ?? "abstain";
  const likely = judged.p_correct === null ? "no probability" : `${percent(judged.p_correct)} likely right`;
  return [`${NAMES[verdict]}: ${likely}`, meaning(verdict, judged), ...about(judged)];
}

/**
 * @param {string} verdict
 * @param {Judged} judged
 */
function meaning(verdict, { p_correct: score, reason }) {
  if (score === null) return `The detector cannot judge this answer${reason ? `: ${reason}` : ""}.`;
  const hundred = `Of answers with this number, about ${inHundred(score)} in 100 were right.`;
  if (verdict === "trust") {
    const still = score < 0.5 ? "That passes the detector’s threshold, yet it is still more likely wrong than right" : "That passes the detector’s threshold";
    return `${hundred} ${still}.`;
  }
  if (verdict === "doubt") return `${hundred} That is under the detector’s threshold: check the answer before you rely on it.`;
  return `${hundred} The detector neither trusts nor doubts it: too little for what it promises, too much to call it wrong.`;
}

/** @param {Judged} judged */
function about({ p_correct: score, scored, exact_answer: exact, reason }) {
  if (score === null) return exact ? [`The exact answer is “${exact}”.`] : [];
  if (scored === "exact_answer") return [`It is about the outlined words: “${exact}”.`];
  return [`It is about the answer as a whole${reason ? `: ${reason}` : ""}.`];
}

/**
 * Show a verdict.
 * @param {HTMLElement} box
 * @param {Judged} judged
 */
export function showVerdict(box, judged) {
  const verdict = judged.verdict ?? "abstain";
  const [short, ...rest] = verdictLines(judged);
  const mark = document.createElement("span");
  mark.className = "mark";
  mark.setAttribute("aria-hidden", "true");
  mark.textContent = MARKS[verdict];
  const heading = document.createElement("h3");
  heading.append(mark, short);
  box.className = `verdict ${verdict}`;
  box.replaceChildren(heading, ...rest.map(paragraph));
  box.hidden = false;
}

/** @param {string} words */
function paragraph(words) {
  const made = document.createElement("p");
  made.textContent = words;
  return made;
}
