// An answer's words on the page: shaded as they come, the exact answer outlined at the end, one stop for the keyboard.

import { Tip } from "./tip.js";
import { WordGatherer, levelClass, scoreWithin } from "./words.js";

/**
 * @typedef {import("./words.js").Piece} Piece
 * @typedef {import("./words.js").Token} Token
 */

const STEPS = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 };

/** Draws one answer. */
export class AnswerView {
  #gatherer = new WordGatherer();
  /** @type {(Text | HTMLElement)[]} */
  #nodes = [];

  /**
   * @param {HTMLElement} box  What the words and their tip stand in.
   * @param {HTMLElement} words
   * @param {HTMLElement} tip
   */
  constructor(box, words, tip) {
    this.words = words;
    this.tip = new Tip(box, tip, (element) => this.#wordOf(element));
    words.addEventListener("keydown", (event) => this.#move(event));
    words.addEventListener("focusin", (event) => this.#stopAt(/** @type {HTMLElement} */ (event.target)));
    words.addEventListener("click", (event) => this.#focusOn(event.target));
  }

  /** Forget the last answer. */
  clear() {
    this.tip.show(null);
    this.#gatherer = new WordGatherer();
    this.#nodes = [];
    this.words.replaceChildren();
  }

  /** The answer so far. */
  get text() {
    return this.#gatherer.pieces.map(textOf).join("");
  }

  /** Whether any word is without a score. */
  get unscored() {
    return this.#gatherer.pieces.some((piece) => typeof piece !== "string" && piece.score === null);
  }

  /** @param {Token[]} tokens */
  add(tokens) {
    for (const place of tokens.flatMap((token) => this.#gatherer.add(token))) this.#draw(place);
    this.tip.refresh();
  }

  /**
   * Outline the exact answer.
   * @param {number} start  Its first character,
   * @param {number} end  and one past its last, in JavaScript's counting.
   */
  outline(start, end) {
    const focused = this.#nodes.findIndex((node) => node === document.activeElement);
    const mark = document.createElement("mark");
    mark.className = "exact";
    let place = 0;
    const drawn = this.#gatherer.pieces.flatMap((piece, number) => {
      const cuts = cut(textOf(piece), start - place, end - place);
      place += textOf(piece).length;
      return this.#segments(number, cuts);
    });
    const inside = drawn.filter((one) => one.inside);
    mark.append(...inside.map((one) => one.node));
    const before = drawn.slice(0, Math.max(0, drawn.indexOf(inside[0])));
    const after = drawn.slice(before.length + inside.length);
    this.words.replaceChildren(...nodesOf(before), ...(inside.length ? [mark] : []), ...nodesOf(after));
    const node = this.#nodes[focused];
    if (node instanceof HTMLElement) node.focus({ preventScroll: true });
  }

  /**
   * The nodes of one piece that is cut at the exact answer's ends; its first keeps the keyboard's stop.
   * @param {number} number
   * @param {{text: string, inside: boolean}[]} cuts
   */
  #segments(number, cuts) {
    const piece = this.#gatherer.pieces[number];
    let place = 0;
    return cuts.map(({ text, inside }, i) => {
      const node = i === 0 ? this.#nodes[number] : this.#made(number, text);
      node.textContent = text;
      if (node instanceof HTMLElement && typeof piece !== "string" && cuts.length > 1) {
        node.className = `word ${levelClass(scoreWithin(piece, place, place + text.length))}`;
      }
      place += text.length;
      return { node, inside };
    });
  }

  /** @param {number} place */
  #draw(place) {
    const piece = this.#gatherer.pieces[place];
    const node = this.#nodes[place];
    if (node === undefined) {
      const made = this.#made(place, textOf(piece));
      if (made instanceof HTMLElement) made.tabIndex = this.words.querySelector("[tabindex='0']") ? -1 : 0;
      this.#nodes[place] = made;
      this.words.append(made);
    } else if (node instanceof HTMLElement && typeof piece !== "string") {
      node.textContent = piece.text;
      node.className = `word ${levelClass(piece.score)}`;
    }
  }

  /**
   * @param {number} place
   * @param {string} text
   */
  #made(place, text) {
    const piece = this.#gatherer.pieces[place];
    if (typeof piece === "string") return document.createTextNode(text);
    const made = document.createElement("span");
    made.className = `word ${levelClass(piece.score)}`;
    made.dataset.word = String(place);
    made.textContent = text;
    return made;
  }

  /** @param {HTMLElement} element */
  #wordOf(element) {
    const piece = this.#gatherer.pieces[Number(element.dataset.word)];
    return typeof piece === "string" ? undefined : piece;
  }

  /** @returns {HTMLElement[]} */
  #stops() {
    return /** @type {HTMLElement[]} */ (this.#nodes.filter((node) => node instanceof HTMLElement));
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const stops = this.#stops();
    const here = stops.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const to = { Home: 0, End: stops.length - 1 }[event.key] ?? here + (STEPS[event.key] ?? NaN);
    if (here < 0 || Number.isNaN(to) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    stops[Math.max(0, Math.min(stops.length - 1, to))].focus();
  }

  /** @param {HTMLElement} element  The word that Tab comes back to. */
  #stopAt(element) {
    for (const stop of this.#stops()) stop.tabIndex = stop === element ? 0 : -1;
  }

  /** @param {EventTarget | null} target */
  #focusOn(target) {
    const hit = target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest("[data-word]")) : null;
    const node = hit && this.#nodes[Number(hit.dataset.word)];
    if (node instanceof HTMLElement) node.focus({ preventScroll: true });
  }
}

/** @param {Piece} piece */
function textOf(piece) {
  return typeof piece === "string" ? piece : piece.text;
}

/** @param {{node: Node}[]} drawn */
function nodesOf(drawn) {
  return drawn.map((one) => one.node);
}

/**
 * A text cut at two places: what lies before, between and after them, without what is empty.
 * @param {string} text
 * @param {number} start
 * @param {number} end
 */
function cut(text, start, end) {
  const from = Math.max(0, Math.min(text.length, start));
  const to = Math.max(from, Math.min(text.length, end));
  const cuts = [
    { text: text.slice(0, from), inside: false },
    { text: text.slice(from, to), inside: true },
    { text: text.slice(to), inside: false },
  ];
  return cuts.filter((one) => one.text);
}
