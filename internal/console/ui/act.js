// Buttons that do something: copy a command, set or change the fault plan.
import { patch, put, say } from './base.js';

/** Listens to the buttons of the page; after a plan was set, changed is called. */
export function listen(changed = () => {}) {
  mendCommands();
  document.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (button?.dataset.plan !== undefined) provoke(button, 'PUT', () => put('/faults', button.dataset.plan), changed);
    if (button?.dataset.patch !== undefined) provoke(button, 'PATCH', () => patch('/faults', button.dataset.patch), changed);
    if (button?.dataset.copy !== undefined) copy(button);
  });
}

/** Behind a proxy that ends TLS the server does not know the address that this page has. */
function mendCommands() {
  const { origin } = document.body.dataset;
  for (const code of document.querySelectorAll('.command code')) say(code, code.textContent.replaceAll(origin, location.origin));
}

async function copy(button) {
  const code = button.parentElement.querySelector('code');
  try {
    await navigator.clipboard.writeText(code.textContent);
    flash(button, 'Copied');
  } catch { // without HTTPS and off this machine, browsers keep the clipboard shut
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
    flash(button, 'Refused');
  } finally {
    button.disabled = button.dataset.patch === '';
    button.focus({ preventScroll: true });
  }
}

/** Writes on a button for a moment what became of pressing it. */
function flash(button, text) {
  button.dataset.label ??= button.textContent;
  say(button, text);
  setTimeout(() => say(button, button.dataset.label), 1500);
}

/** Says what became of a button, where the page has room for it. */
export function tell(text, tone) {
  const said = document.getElementById('said');
  if (!said) return;
  said.className = `said ${tone}`;
  say(said, text);
}

/** Puts a failure in words. */
export function refusal(error, call) {
  return error.status === 401 ? `${call} needs the admin token: use the command with -H "Authorization: Bearer …".` : `${call} failed: ${error.message}`;
}
