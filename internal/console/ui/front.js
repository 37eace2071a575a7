// The page at /: looks at everything every two seconds, every second while
// something happens, and not at all while nobody sees it.
import { listen, refusal, tell } from './act.js';
import { readAlerts, showLamps, showOverall, showTable } from './alerts.js';
import { ask, el, prometheus, put, say, since, span } from './base.js';

const has = document.body.dataset; // data-api, data-monitor, data-crowd
const at = (id) => document.getElementById(id);
const calm = 2000; // milliseconds between two looks
const busy = 1000;
const rare = 10000; // between two looks at what hardly ever changes by itself
const refused = Symbol('refused'); // what only admins may look at

let timer;
let quiet = true;

const looks = [];
if (has.monitor !== undefined) {
  const { drawFigures } = await import('./figures.js');
  const { showInbox } = await import('./inbox.js');
  looks.push(lookAtAlerts, lookAtTargets, () => showInbox(at('notices')), drawFigures);
  document.querySelectorAll('[name=range]').forEach((choice) => choice.addEventListener('change', look));
  askPrometheus();
}
// Both are for admins, and the plan is a call of the API that counts as one, as a failed one if it is refused. So the
// crowd, which does not count, is asked for first.
const lookAtPlan = rarely(async () => (await lookAtCrowd() === refused ? refused : lookAtFaults()));
if (has.crowd !== undefined) {
  looks.push(lookAtPlan);
  at('crowd').addEventListener('submit', setCrowd);
}
listen(() => {
  lookAtPlan.soon();
  look();
});
document.addEventListener('visibilitychange', look);
look();

/** Looks at everything once, and again after a while. One failed look is no reason to miss the others. */
async function look() {
  clearTimeout(timer);
  if (document.hidden) return;
  await Promise.allSettled(looks.map((one) => one()));
  clearTimeout(timer);
  timer = setTimeout(look, quiet ? calm : busy);
}

/** Slows a look down. One that was refused is not repeated until somebody acts: it would count as a failed call. */
function rarely(one) {
  let next = 0;
  const slowed = async () => {
    if (Date.now() < next) return;
    next = Date.now() + rare;
    if (await one() === refused) next = Infinity;
  };
  slowed.soon = () => { next = 0; };
  return slowed;
}

async function lookAtAlerts() {
  try {
    const alerts = await readAlerts();
    quiet = ![...alerts.values()].some((a) => a.state === 'pending' || a.state === 'firing');
    showOverall(at('overall'), alerts);
    showLamps(at('lamps'), alerts);
    showTable(at('alert-rows'), alerts);
  } catch (error) {
    at('overall').dataset.state = 'unknown';
    const why = error.status === 503 ? error.message : 'the monitoring does not answer';
    say(at('overall'), why.charAt(0).toUpperCase() + why.slice(1));
    throw error;
  }
}

async function lookAtTargets() {
  const { activeTargets } = await prometheus('targets', { state: 'active' });
  const rows = activeTargets.flatMap((t) => {
    const never = Date.parse(t.lastScrape) <= 0;
    const facts = el('tr', {},
      el('th', { scope: 'row' }, t.scrapeUrl),
      el('td', {}, el('span', { class: `state ${['up', 'down'].includes(t.health) ? t.health : ''}` }, t.health)),
      el('td', {}, never ? 'not yet' : `${span(since(t.lastScrape))} ago`),
      el('td', {}, never ? '–' : `${Math.round(t.lastScrapeDuration * 1000)} ms`),
      el('td', {}, t.labels.job ?? t.scrapePool));
    return t.lastError ? [facts, el('tr', {}, el('td', { colspan: 5, class: 'error' }, t.lastError))] : [facts];
  });
  at('target-rows').replaceChildren(...(rows.length ? rows : [el('tr', {}, el('td', { colspan: 5, class: 'empty' }, 'No target.'))]));
}

async function lookAtFaults() {
  try {
    const { summary, active } = await ask('/faults');
    showPlan(active.length ? summary.replace(/^faults on: /, '').split('; ') : ['No fault is active.']);
  } catch (error) {
    showPlan([refusal(error, 'GET /faults')]);
    if (error.admin) return refused;
  }
  return undefined;
}

function showPlan(lines) {
  if (at('plan').textContent !== lines.join('')) at('plan').replaceChildren(...lines.map((line) => el('li', {}, line)));
}

async function lookAtCrowd() {
  const form = at('crowd');
  try {
    const crowd = await ask('/crowd');
    const [users, scenario] = [at('users'), at('scenario')];
    users.max = crowd.max_users;
    if (scenario.length === 0) scenario.append(...crowd.scenarios.map((s) => el('option', {}, s)));
    if (form.hidden || !form.contains(document.activeElement)) [users.value, scenario.value] = [crowd.users, crowd.scenario];
    form.hidden = false;
  } catch (error) {
    form.hidden = true;
    showPlan([refusal(error, 'GET /faults')]);
    if (error.admin) return refused;
  }
  return undefined;
}

async function setCrowd(event) {
  event.preventDefault();
  try {
    const crowd = await put('/crowd', JSON.stringify({ users: Number(at('users').value), scenario: at('scenario').value }));
    tell(`Set: ${crowd.users} users, scenario ${crowd.scenario}.`, 'good');
  } catch (error) {
    tell(refusal(error, 'PUT /crowd'), 'bad');
  }
}

/** The box for queries: runs what is typed, what is clicked, and what the address brings along if this server knows it. */
function askPrometheus() {
  const run = async () => {
    try {
      showAnswer(await prometheus('query', { query: at('expr').value }));
    } catch (error) {
      at('answer').replaceChildren(el('p', { class: 'said bad' }, error.message));
    }
  };
  at('ask').addEventListener('submit', (event) => { event.preventDefault(); run(); });
  document.querySelectorAll('[data-query]').forEach((chip) => chip.addEventListener('click', () => {
    at('expr').value = chip.dataset.query;
    run();
  }));
  const brought = new URLSearchParams(location.search).get('query');
  if (brought) {
    at('expr').value = brought;
    if (brought === at('ask').dataset.run) run();
    else at('answer').replaceChildren(el('p', { class: 'empty' }, 'The link brought this query. Press Run to ask it.'));
  }
}

function showAnswer({ resultType, result }) {
  const rows = resultType === 'vector' || resultType === 'matrix' ? result.slice(0, 200) : [{ metric: {}, value: result }];
  if (rows.length === 0) return at('answer').replaceChildren(el('p', { class: 'empty' }, 'No series.'));
  return at('answer').replaceChildren(el('table', {},
    el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Series'), el('th', { scope: 'col', class: 'number' }, 'Value'))),
    el('tbody', {}, ...rows.map((r) => el('tr', {}, el('td', {}, series(r.metric)), el('td', { class: 'number' }, valueOf(r)))))));
}

function series({ __name__: name = '', ...labels }) {
  const list = Object.entries(labels).map(([k, v]) => `${k}=${JSON.stringify(v)}`);
  return name + (list.length || !name ? `{${list.join(', ')}}` : '');
}

function valueOf(row) {
  if (row.histogram) return `${row.histogram[1].count} observations`;
  return String((row.value ?? row.values?.at(-1) ?? ['', '–'])[1]);
}
