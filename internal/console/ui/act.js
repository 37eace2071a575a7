// Buttons that copy a command, or set or change the fault plan.
import { patch, put, say } from './base.js';

/** Handles the buttons of the page. Calls changed after the plan was set. */
export function listen(changed = () => {}) {
  correctCommands();
  document.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (button?.dataset.plan !== undefined) provoke(button, 'PUT', () => put('/faults', button.dataset.plan), changed);
    if (button?.dataset.patch !== undefined) provoke(button, 'PATCH', () => patch('/faults', button.dataset.patch), changed);
    if (button?.dataset.copy !== undefined) copy(button);
  });
}

/** Puts this page's address into the commands. Behind a proxy that terminates TLS, the server does not know it. */
function correctCommands() {
  const { origin } = document.body.dataset;
  for (const code of document.querySelectorAll('.command code')) say(code, code.textContent.replaceAll(origin, location.origin));
}

async function copy(button) {
  const code = button.parentElement.querySelector('code');
  try {
    await navigator.clipboard.writeText(code.textContent);
    flash(button, 'Copied');
  } catch { // browsers block the clipboard without HTTPS, except on localhost
    getSelection().selectAllChildren(code);
    flash(button, 'Selected');
  }
}

async function provoke(button, method, send, changed) {
  button.disabled = true;
  try {
    const state = await send();
    tell(document.getElementById('plan') ? 'Set.' : `Set: ${state.summary}.`, 'good');
    flash(button, 'Set');
    changed();
  } catch (error) {
    tell(refusal(error, `${method} /faults`), 'bad');
    flash(button, 'Failed');
  } finally {
    button.disabled = button.dataset.patch === '';
    button.focus({ preventScroll: true });
  }
}

/** Shows the result on the button for a moment. */
function flash(button, text) {
  button.dataset.label ??= button.textContent;
  say(button, text);
  setTimeout(() => say(button, button.dataset.label), 1500);
}

/** Shows the result of an action, if the page has an element for it. */
export function tell(text, tone) {
  const said = document.getElementById('said');
  if (!said) return;
  said.className = `said ${tone}`;
  say(said, text);
}

/** Returns the text for a failed call. */
export function refusal(error, call) {
  return error.status === 401 ? `${call} needs the admin token: use the command with -H "Authorization: Bearer …".` : `${call} failed: ${error.message}`;
}
