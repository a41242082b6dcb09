// What went wrong, in words, and what to do about it.

/** A request that failed; its message is for the reader of the page. */
export class Problem extends Error {
  /**
   * @param {string} message
   * @param {number | null} status  Of HTTP, where the server replied.
   */
  constructor(message, status = null) {
    super(message);
    this.status = status;
  }
}

export const GONE =
  "The server cannot be reached. See whether “tacitly serve” is still running and this computer is connected, then try again.";
export const CUT =
  "The connection was lost before the answer was finished, so there is no verdict. Ask again; if that fails too, see whether “tacitly serve” is still running.";
export const UNREADABLE = "The server’s reply cannot be read. Load this page again, so that it fits the server.";

/**
 * The words for a reply that is an error.
 * @param {number} status
 * @param {string | null} said  What the server says.
 * @param {string | null} retryAfter  Seconds, from its header.
 */
export function problemWords(status, said, retryAfter) {
  const reason = said ? ` The server says: ${said}` : "";
  if (status === 401) return "The server wants a key, or another one. Give it in the field “Key” at the top, then try again.";
  if (status === 413) return `That is too long for this server. Make it shorter.${reason}`;
  if (status === 400 || status === 403 || status === 422) return `The server does not take this. Change it and try again.${reason}`;
  if (status === 429) return `The server is busy with other questions. Try again ${when(retryAfter)}.`;
  if (status === 404 || status === 405) return `This server does not offer that.${reason}`;
  return `The server failed. Try again; if it fails again, its log says when and how.${reason}`;
}

/** @param {string | null} retryAfter */
function when(retryAfter) {
  const seconds = Number(retryAfter);
  if (!retryAfter || !Number.isFinite(seconds) || seconds <= 0) return "in a moment";
  return seconds === 1 ? "in a second" : `in ${Math.ceil(seconds)} seconds`;
}
