// From tokens with scores to words with scores, and what a score looks like in words and shades.

/**
 * @typedef {{text: string, score: number | null}} Token  A token's text and its score; null where it has none.
 * @typedef {{text: string, score: number | null, parts: Token[]}} Word  Its score is its lowest token's.
 * @typedef {string | Word} Piece  White space, or a word.
 */

/** Levels of doubt: from which probability on, and how the legend says it. */
export const LEVELS = [
  { from: 0.8, words: "80 % or more" },
  { from: 0.6, words: "60 to 79 %" },
  { from: 0.4, words: "40 to 59 %" },
  { from: 0.2, words: "20 to 39 %" },
  { from: 0, words: "under 20 %" },
];

// Scripts that put no spaces between words: there every token stands alone.
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

/**
 * A probability in hundredths; never 0 or 100, which no estimate can promise.
 * @param {number} score
 */
export function inHundred(score) {
  return Math.min(99, Math.max(1, Math.round(100 * score)));
}

/** @param {number} score */
export function percent(score) {
  return `${inHundred(score)} %`;
}

/**
 * The level of doubt, 0 (none) to 4, of a score; null without one.
 * @param {number | null} score
 */
export function level(score) {
  return score === null ? null : LEVELS.findIndex((one) => inHundred(score) >= 100 * one.from);
}

/**
 * The class that draws a score.
 * @param {number | null} score
 */
export function levelClass(score) {
  return score === null ? "unscored" : `level-${level(score)}`;
}

/**
 * The score of a part of a word: the lowest of the tokens that reach into it.
 * @param {Word} word
 * @param {number} start  The part's first character,
 * @param {number} end  and one past its last.
 */
export function scoreWithin(word, start, end) {
  let place = 0;
  let score = /** @type {number | null} */ (null);
  for (const part of word.parts) {
    if (place < end && place + part.text.length > start) score = lower(score, part.score);
    place += part.text.length;
  }
  return score;
}

/**
 * What a word's score says.
 * @param {Word} word
 */
export function scoreWords(word) {
  if (word.score === null) return "no score";
  return `${percent(word.score)} likely right`;
}

/** Puts tokens together to words, as they come. */
export class WordGatherer {
  /** @type {Piece[]} */
  pieces = [];
  /** The lowest score of tokens that end within a character, and so have no text yet. */
  #held = /** @type {number | null} */ (null);

  /**
   * Take one more token.
   * @param {Token} token
   * @returns {number[]} The places, in `pieces`, of those that are new or have changed.
   */
  add(token) {
    const score = lower(this.#held, token.score);
    this.#held = token.text ? null : score;
    const runs = token.text.match(/\s+|\S+/gu) ?? [];
    return runs.map((run) => (/^\s/u.test(run) ? this.#addSpace(run) : this.#addPart({ text: run, score })));
  }

  /** @param {string} space */
  #addSpace(space) {
    return this.pieces.push(space) - 1;
  }

  /** @param {Token} part */
  #addPart(part) {
    const last = this.pieces.at(-1);
    if (last === undefined || typeof last === "string" || separate(last.text, part.text)) {
      return this.pieces.push({ text: part.text, score: part.score, parts: [part] }) - 1;
    }
    last.text += part.text;
    last.score = lower(last.score, part.score);
    last.parts.push(part);
    return this.pieces.length - 1;
  }
}

/**
 * Whether two texts without space between them are two words all the same.
 * @param {string} before
 * @param {string} after
 */
function separate(before, after) {
  return UNSPACED.test(before) && UNSPACED.test(after);
}

/**
 * @param {number | null} one
 * @param {number | null} other
 */
function lower(one, other) {
  if (one === null || other === null) return one ?? other;
  return Math.min(one, other);
}

/**
 * The tokens of an existing answer, with whatever lies between them as tokens without a score.
 * @param {string} answer
 * @param {{start: number, end: number, p_correct: number | null}[] | null | undefined} spans
 * @returns {Token[]}
 */
export function tokensOf(answer, spans) {
  const characters = Array.from(answer);
  const tokens = [];
  let place = 0;
  const take = (end, score) => {
    if (end <= place) return;
    tokens.push({ text: characters.slice(place, end).join(""), score });
    place = end;
  };
  for (const span of spans ?? []) {
    take(span.start, null);
    take(span.end, span.p_correct ?? null);
  }
  take(characters.length, null);
  return tokens;
}

/**
 * The same place counted in JavaScript's characters; the server counts Unicode's.
 * @param {string} text
 * @param {number} place
 */
export function unitsAt(text, place) {
  return Array.from(text).slice(0, place).join("").length;
}
