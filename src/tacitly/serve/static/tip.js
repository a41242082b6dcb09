// The score of one word, shown beside it: under the mouse, under the finger, and where the keyboard is.

import { percent, scoreWords } from "./words.js";

/** @typedef {import("./words.js").Word} Word */

const MOST_PARTS = 8;
let made = 0;

/** Shows one word's score at a time. */
export class Tip {
  /** @type {HTMLElement | null} */
  #word = null;

  /**
   * @param {HTMLElement} box  What words and tip stand in.
   * @param {HTMLElement} element  The tip.
   * @param {(word: HTMLElement) => Word | undefined} find  The word that an element shows.
   */
  constructor(box, element, find) {
    this.box = box;
    this.element = element;
    this.find = find;
    element.id = `tip-${++made}`;
    box.addEventListener("pointerover", (event) => this.#point(event));
    box.addEventListener("pointerleave", () => this.show(focusedIn(box)));
    box.addEventListener("focusin", (event) => this.show(wordAt(event.target)));
    box.addEventListener("focusout", () => this.show(null));
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.show(null));
  }

  /** @param {HTMLElement | null} element  The word's, or null for none. */
  show(element) {
    this.#word?.removeAttribute("aria-describedby");
    const word = element && this.find(element);
    this.#word = word ? element : null;
    this.element.hidden = !word;
    if (!element || !word) return;
    this.element.textContent = tipWords(word);
    element.setAttribute("aria-describedby", this.element.id);
    this.#place(element);
  }

  /** Show the same word's score again, which may have changed. */
  refresh() {
    if (this.#word) this.show(this.#word);
  }

  /** @param {PointerEvent} event */
  #point(event) {
    if (this.element.contains(/** @type {Node} */ (event.target))) return;
    this.show(wordAt(event.target) ?? focusedIn(this.box));
  }

  /** @param {HTMLElement} element */
  #place(element) {
    const line = element.getClientRects()[0] ?? element.getBoundingClientRect();
    const box = this.box.getBoundingClientRect();
    const room = box.width - this.element.offsetWidth;
    this.element.style.left = `${Math.max(0, Math.min(line.left - box.left, room))}px`;
    this.element.style.top = `${line.bottom - box.top}px`;
  }
}

/**
 * What the tip says of a word.
 * @param {Word} word
 */
export function tipWords(word) {
  const said = scoreWords(word);
  if (word.parts.length < 2 || word.score === null) return said;
  const parts = word.parts.slice(0, MOST_PARTS).map((part) => `“${part.text}” ${part.score === null ? "–" : percent(part.score)}`);
  return `${said} (lowest of ${parts.join(", ")}${word.parts.length > MOST_PARTS ? ", …" : ""})`;
}

/** @param {EventTarget | null} target */
function wordAt(target) {
  return target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest("[data-word]")) : null;
}

/** @param {HTMLElement} box */
function focusedIn(box) {
  return box.contains(document.activeElement) ? wordAt(document.activeElement) : null;
}
