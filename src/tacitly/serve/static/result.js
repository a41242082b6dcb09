// One result: the question, the answer's words, the verdict, what the marks mean, and every layer on demand.

import { AnswerView } from "./answer.js";
import { Problem } from "./problems.js";
import { LayersView } from "./strip.js";
import { showVerdict, verdictLines } from "./verdict.js";
import { LEVELS, unitsAt } from "./words.js";

/**
 * @typedef {import("./server.js").Judged} Judged
 * @typedef {import("./words.js").Token} Token
 */

/** Shows what came of one question. */
export class ResultView {
  /** @type {string[]} */
  #cares = [];

  /** @param {HTMLElement} root */
  constructor(root) {
    const template = /** @type {HTMLTemplateElement} */ (document.getElementById("result-template"));
    root.append(template.content.cloneNode(true));
    const part = (name) => /** @type {HTMLElement} */ (root.querySelector(`[data-${name}]`));
    this.alarm = part("alarm");
    this.said = part("said");
    this.shown = part("shown");
    this.asked = part("asked");
    this.box = part("answer");
    this.state = part("state");
    this.care = part("care");
    this.verdict = part("verdict");
    this.answer = new AnswerView(this.box, part("words"), part("tip"));
    this.layers = new LayersView(part("layers"));
    fillLegend(part("levels"));
    nameBox(this.box, this.asked);
  }

  /**
   * Make room for the answer to a question.
   * @param {string} question
   * @param {string} state  What goes on, in words.
   */
  start(question, state) {
    this.question = question;
    this.#cares = [];
    this.alarm.hidden = this.care.hidden = this.verdict.hidden = true;
    this.asked.textContent = question;
    this.answer.clear();
    this.layers.clear();
    this.shown.hidden = false;
    this.box.classList.add("writing");
    this.tell(state);
  }

  /** @param {Token[]} tokens */
  add(tokens) {
    this.answer.add(tokens);
  }

  /**
   * Something that the reader should know of these scores, said once.
   * @param {string} words
   */
  addCare(words) {
    if (this.#cares.includes(words)) return;
    this.#cares.push(words);
    this.care.textContent = `Note: ${this.#cares.join("; ")}.`;
    this.care.hidden = false;
  }

  /**
   * The answer is whole.
   * @param {Judged} judged
   * @param {string} state
   */
  finish(judged, state = "") {
    const text = this.answer.text;
    if (judged.start !== null && judged.end !== null && judged.start !== undefined && judged.end !== undefined) {
      this.answer.outline(unitsAt(text, judged.start), unitsAt(text, judged.end));
    }
    showVerdict(this.verdict, judged);
    this.stop(state);
    this.said.textContent = [`Answer: ${text.trim() || "nothing"}`, ...verdictLines(judged), state].join(" ");
  }

  /**
   * Nothing more comes.
   * @param {string} state
   */
  stop(state) {
    this.box.classList.remove("writing");
    this.tell(state);
    const text = this.answer.text;
    if (text && this.answer.unscored) this.addCare("some words have no score and carry no mark");
    if (text.trim()) this.layers.offer(this.question ?? "", text);
  }

  /**
   * Say what went wrong.
   * @param {unknown} error
   */
  fail(error) {
    const known = error instanceof Problem;
    this.stop("");
    this.shown.hidden = !this.answer.text;
    this.alarm.textContent = known ? error.message : "This page has failed. Load it again.";
    this.alarm.hidden = false;
    if (!known) throw error;
  }

  /**
   * A line for everyone: seen, and read out.
   * @param {string} state
   */
  tell(state) {
    this.state.textContent = state;
    this.said.textContent = state;
  }
}

/** @param {HTMLElement} list */
function fillLegend(list) {
  const marks = LEVELS.map((one, number) => [`level-${number}`, one.words]);
  for (const [name, words] of [...marks, ["unscored", "no score"], ["exact", "the exact answer: what the verdict is about"]]) {
    const item = document.createElement("li");
    const sample = document.createElement("span");
    sample.className = name === "exact" ? "exact" : `word ${name}`;
    sample.textContent = "word";
    sample.setAttribute("aria-hidden", "true");
    item.append(sample, ` ${words}`);
    list.append(item);
  }
}

let named = 0;

/**
 * Let the words be named by the question.
 * @param {HTMLElement} box
 * @param {HTMLElement} asked
 */
function nameBox(box, asked) {
  asked.id = `asked-${++named}`;
  box.setAttribute("aria-label", "Answer, word by word: the arrow keys move between words");
  box.setAttribute("aria-describedby", asked.id);
}
