// The page of a runbook: its buttons and the current state of its alert.
import { listen } from './act.js';
import { readAlerts } from './alerts.js';
import { say } from './base.js';

const { name, monitor } = document.body.dataset;
let timer;

listen(update);
document.addEventListener('visibilitychange', update);
update();

async function update() {
  clearTimeout(timer);
  if (document.hidden || monitor === undefined) return;
  const word = document.getElementById('overall');
  const alert = await readAlerts().then((all) => all.get(name), () => undefined);
  word.dataset.state = alert?.state ?? 'unknown';
  say(word, alert?.words.replace(/ \d.*/, '') ?? 'state unknown'); // without the duration, so screen readers do not announce it every second
  word.title = [alert?.words, alert?.more].filter(Boolean).join('. ');
  clearTimeout(timer);
  timer = setTimeout(update, 1000);
}
