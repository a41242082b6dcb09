// Every layer at every token: a table, made when it is asked for.

import { Problem } from "./problems.js";
import { readLayers } from "./server.js";
import { inHundred, levelClass } from "./words.js";

/** @typedef {import("./server.js").Layers} Layers */

/** A button and the table that it opens. */
export class LayersView {
  /** @type {{question: string, answer: string} | null} */
  #about = null;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.button = /** @type {HTMLButtonElement} */ (root.querySelector("[data-strip-button]"));
    this.alarm = /** @type {HTMLElement} */ (root.querySelector("[data-strip-alarm]"));
    this.place = /** @type {HTMLElement} */ (root.querySelector("[data-strip]"));
    this.button.addEventListener("click", () => this.#toggle());
  }

  /** Forget the last answer. */
  clear() {
    this.#about = null;
    this.root.hidden = this.alarm.hidden = true;
    this.#close();
  }

  /**
   * Offer the layers of an answer.
   * @param {string} question
   * @param {string} answer
   */
  offer(question, answer) {
    this.#about = { question, answer };
    this.root.hidden = false;
  }

  async #toggle() {
    if (this.button.getAttribute("aria-expanded") === "true") return this.#close();
    const about = this.#about;
    if (!about || this.button.getAttribute("aria-busy") === "true") return;
    this.alarm.hidden = true;
    this.button.setAttribute("aria-busy", "true");
    try {
      const layers = await readLayers(about.question, about.answer);
      if (about === this.#about) this.#open(layers);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.alarm.textContent = error.message;
      this.alarm.hidden = false;
    } finally {
      this.button.removeAttribute("aria-busy");
    }
  }

  /** @param {Layers} layers */
  #open(layers) {
    const region = document.createElement("div");
    region.className = "wide";
    region.tabIndex = 0;
    region.setAttribute("role", "region");
    region.setAttribute("aria-label", "Layers and tokens; scrolls sideways");
    region.append(stripTable(layers));
    this.place.replaceChildren(explanation(layers), region);
    this.button.setAttribute("aria-expanded", "true");
    this.button.textContent = "Hide the layers";
  }

  #close() {
    this.place.replaceChildren();
    this.button.setAttribute("aria-expanded", "false");
    this.button.textContent = "Show every layer";
  }
}

/** @param {Layers} layers */
function explanation(layers) {
  const made = document.createElement("p");
  made.className = "note";
  made.textContent = `How likely right the answer looks at each layer (rows; 0 is the embedding, the last layer is on top) and token (columns), at the site “${layers.site}”. Words are scored at the marked layer, ${layers.layer}.`;
  return made;
}

/**
 * Layers as rows, the last on top; tokens as columns.
 * @param {Layers} layers
 */
function stripTable(layers) {
  const table = document.createElement("table");
  table.className = "strip";
  table.createCaption().textContent = "Likely right, in percent";
  const head = table.createTHead().insertRow();
  head.append(headCell("layer", "col"), ...layers.tokens.map((token) => headCell(shown(token.text), "col")));
  const body = table.createTBody();
  for (const [number, layer] of [...layers.layers.entries()].reverse()) {
    body.append(stripRow(layer, layers.p_correct[number] ?? [], layer === layers.layer));
  }
  return table;
}

/**
 * @param {number} layer
 * @param {(number | null)[]} scores
 * @param {boolean} own  Whether the detector scores words at this layer.
 */
function stripRow(layer, scores, own) {
  const row = document.createElement("tr");
  if (own) row.className = "own";
  row.append(headCell(own ? `${layer} ▸` : String(layer), "row"));
  if (own) row.firstElementChild?.append(unseen("the detector’s layer"));
  for (const score of scores) {
    const cell = row.insertCell();
    cell.className = levelClass(score);
    cell.textContent = score === null ? "–" : String(inHundred(score));
  }
  return row;
}

/**
 * @param {string} words
 * @param {string} scope
 */
function headCell(words, scope) {
  const cell = document.createElement("th");
  cell.scope = scope;
  cell.textContent = words;
  return cell;
}

/** @param {string} words  For screen readers only. */
function unseen(words) {
  const made = document.createElement("span");
  made.className = "unseen";
  made.textContent = words;
  return made;
}

/** @param {string} text  A token's. */
function shown(text) {
  return text.trim() || (/\n/u.test(text) ? "↵" : "␣");
}
