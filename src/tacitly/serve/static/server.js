// What this page asks of its server, and the replies as plain values.

import { askForKey, keyHeaders } from "./key.js";
import { CUT, GONE, Problem, UNREADABLE, problemWords } from "./problems.js";
import { events } from "./stream.js";

/**
 * @typedef {import("./words.js").Token} Token
 * @typedef {{p_correct: number | null, verdict: string | null, exact_answer: string | null, start: number | null,
 *   end: number | null, scored: string | null, reason: string | null, error?: string | null}} Judged
 * @typedef {{site: string, layers: number[], layer: number, tokens: {text: string}[], p_correct: (number | null)[][]}} Layers
 * @typedef {{tokens?: Token[], judged?: Judged, care?: string, cut?: boolean}} Step  What a chunk of a stream brings.
 */

/** The model's name and what the server cautions about. */
export async function readModels() {
  const { data } = await json("/v1/models", { method: "GET" });
  const model = data?.[0];
  if (!model) throw new Problem(UNREADABLE);
  return { name: String(model.id), cautions: cautionsOf(model.tacitly) };
}

/**
 * Ask, and go through what comes as it comes.
 * @param {string} model
 * @param {string} question
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<Step>}
 */
export async function* ask(model, question, signal) {
  const body = { model, messages: [{ role: "user", content: question }], stream: true };
  const reply = await post("/v1/chat/completions", body, signal);
  if (!reply.body) throw new Problem(UNREADABLE);
  try {
    for await (const data of events(reply.body)) {
      if (data === "[DONE]") return;
      yield stepOf(parsed(data));
    }
  } catch (error) {
    if (error instanceof Problem || signal.aborted) throw error;
    throw new Problem(CUT);
  }
  throw new Problem(CUT);
}

/**
 * Score an existing answer, and each of its tokens; `tokens_error` says why these have no score.
 * @param {string} question
 * @param {string} answer
 */
export async function score(question, answer) {
  const judged = await json("/v1/score", { method: "POST", body: { question, answer, tokens: true } });
  if (judged.error) throw new Problem(`The answer could not be scored: ${judged.error}`);
  return judged;
}

/**
 * The scores of every layer at every token.
 * @param {string} question
 * @param {string} answer
 * @returns {Promise<Layers>}
 */
export async function readLayers(question, answer) {
  const layers = await json("/v1/layers", { method: "POST", body: { question, answer } });
  if (layers.error) throw new Problem(`The layers could not be scored: ${layers.error}. Try again.`);
  return layers;
}

/**
 * @param {any} chunk
 * @returns {Step}
 */
function stepOf(chunk) {
  if (chunk.error) throw new Problem(problemWords(500, chunk.error.message, null), 500);
  const choice = chunk.choices?.[0];
  const ours = choice?.tacitly ?? {};
  const content = choice?.delta?.content ?? "";
  const step = { tokens: tokensIn(content, ours.tokens), cut: choice?.finish_reason === "length" };
  const cares = [...cautionsOf(chunk.tacitly), ...cautionsOf(ours), ...(ours.error ? [ours.error] : [])];
  return {
    ...step,
    ...(cares.length ? { care: cares.join("; ") } : {}),
    ...(choice?.finish_reason ? { judged: ours } : {}),
  };
}

/**
 * The tokens of a chunk; where they do not make up its text, the text without scores.
 * @param {string} content
 * @param {{text: string, p_correct: number | null}[] | undefined} tokens
 * @returns {Token[]}
 */
function tokensIn(content, tokens) {
  const found = (tokens ?? []).map((one) => ({ text: one.text, score: one.p_correct ?? null }));
  if (found.map((one) => one.text).join("") === content) return found;
  return content ? [{ text: content, score: null }] : [];
}

/** @param {any} ours  The server's own part of a reply. */
function cautionsOf(ours) {
  const found = ours?.cautions ?? ours?.caution ?? [];
  return (Array.isArray(found) ? found : [found]).filter(Boolean).map(String);
}

/**
 * @param {string} path
 * @param {{method: string, body?: object}} request
 */
async function json(path, { method, body }) {
  const reply = body ? await post(path, body) : await send(path, { method });
  return parsed(await reply.text().catch(() => { throw new Problem(GONE); }));
}

/**
 * @param {string} path
 * @param {object} body
 * @param {AbortSignal} [signal]
 */
function post(path, body, signal) {
  return send(path, { method: "POST", body: JSON.stringify(body), signal }, { "Content-Type": "application/json" });
}

/**
 * @param {string} path
 * @param {RequestInit} request
 * @param {Record<string, string>} [headers]
 */
async function send(path, request, headers = {}) {
  let reply;
  try {
    reply = await fetch(path, { ...request, headers: { ...headers, ...keyHeaders() }, cache: "no-store" });
  } catch (error) {
    if (request.signal?.aborted) throw error;
    throw new Problem(GONE);
  }
  if (reply.ok) return reply;
  if (reply.status === 401) askForKey();
  const said = await reply.json().then((body) => body?.error?.message, () => null);
  throw new Problem(problemWords(reply.status, said ?? null, reply.headers.get("Retry-After")), reply.status);
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem(UNREADABLE);
  }
}
