// A runbook's page: its buttons, and the state of its alert now.
import { listen } from './act.js';
import { readAlerts } from './alerts.js';
import { say } from './base.js';

const { name, monitor } = document.body.dataset;
let timer;

listen(look);
document.addEventListener('visibilitychange', look);
look();

async function look() {
  clearTimeout(timer);
  if (document.hidden || monitor === undefined) return;
  const word = document.getElementById('overall');
  const alert = await readAlerts().then((all) => all.get(name), () => undefined);
  word.dataset.state = alert?.state ?? 'unknown';
  say(word, alert?.words.replace(/ \d.*/, '') ?? 'state unknown'); // without seconds, which nobody wants read out
  word.title = [alert?.words, alert?.more].filter(Boolean).join('. ');
  clearTimeout(timer);
  timer = setTimeout(look, 1000);
}
