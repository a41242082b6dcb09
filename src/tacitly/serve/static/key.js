// The server's key: kept in this module's memory and nowhere else.

let key = "";
/** @type {(() => void)[]} */
const waiting = [];

/** The header that carries the key; none before one was given, so that the browser's own password still serves. */
export function keyHeaders() {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/**
 * Be told of a new key.
 * @param {() => void} listener
 */
export function onNewKey(listener) {
  waiting.push(listener);
}

/** Ask for the key, or for another one. */
export function askForKey() {
  const { form, field, alarm } = elements();
  alarm.textContent = key ? "The server does not take this key." : "";
  alarm.hidden = !key;
  form.hidden = false;
  field.focus();
}

/** Make the form work. */
export function startKey() {
  const { form, field } = elements();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    key = field.value.trim();
    field.value = "";
    form.hidden = true;
    for (const listener of waiting) listener();
  });
}

function elements() {
  return {
    form: /** @type {HTMLFormElement} */ (document.getElementById("key-form")),
    field: /** @type {HTMLInputElement} */ (document.getElementById("key")),
    alarm: /** @type {HTMLElement} */ (document.getElementById("key-alarm")),
  };
}
