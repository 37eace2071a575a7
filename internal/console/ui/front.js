// The page at /. It updates every two seconds, every second while alerts are active, and not while it is hidden.
import { listen, refusal, tell } from './act.js';
import { readAlerts, showLamps, showOverall, showTable } from './alerts.js';
import { ask, el, prometheus, put, say, since, span } from './base.js';

const has = document.body.dataset; // data-api, data-monitor, data-crowd
const at = (id) => document.getElementById(id);
const calm = 2000; // milliseconds between two updates
const busy = 1000;
const rare = 10000; // between two updates of values that rarely change by themselves
const refused = Symbol('refused'); // the call needs the admin token

let timer;
let quiet = true;
let inForce; // the latest list of active faults, each with its end time

const updates = [];
if (has.monitor !== undefined) {
  const { drawFigures } = await import('./figures.js');
  const { showInbox } = await import('./inbox.js');
  updates.push(updateAlerts, updateTargets, () => showInbox(at('notices')), drawFigures);
  document.querySelectorAll('[name=range]').forEach((choice) => choice.addEventListener('change', update));
  askPrometheus();
}
// Both calls need admin rights. A rejected GET /faults would count as a failed API call in the metrics, and a rejected
// GET /crowd does not. So the page calls /crowd first.
const updatePlan = rarely(async () => (await updateCrowd() === refused ? refused : updateFaults()));
if (has.crowd !== undefined) {
  updates.push(updatePlan, showFaults); // faults end between two updates
  at('crowd').addEventListener('submit', setCrowd);
}
listen(() => {
  updatePlan.soon();
  update();
});
document.addEventListener('visibilitychange', update);
update();

/** Updates everything once, and again after a while. A failed update does not stop the others. */
async function update() {
  clearTimeout(timer);
  if (document.hidden) return;
  await Promise.allSettled(updates.map((one) => one()));
  clearTimeout(timer);
  timer = setTimeout(update, quiet ? calm : busy);
}

/** Runs an update less often. A rejected update is not repeated until the user acts, because it would count as a failed call. */
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

async function updateAlerts() {
  try {
    const alerts = await readAlerts();
    quiet = ![...alerts.values()].some((a) => a.state === 'pending' || a.state === 'firing');
    showOverall(at('overall'), alerts);
    showLamps(at('lamps'), alerts);
    showTable(at('alert-rows'), alerts);
  } catch (error) {
    at('overall').dataset.state = 'unknown';
    const why = error.status === 503 ? error.message : 'the monitoring does not respond';
    say(at('overall'), why.charAt(0).toUpperCase() + why.slice(1));
    throw error;
  }
}

async function updateTargets() {
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
  at('target-rows').replaceChildren(...(rows.length ? rows : [el('tr', {}, el('td', { colspan: 5, class: 'empty' }, 'No targets.'))]));
}

async function updateFaults() {
  try {
    const { in_force: faults } = await ask('/faults');
    inForce = faults.map((f) => ({ ...f, ends: f.left_seconds ? Date.now() + 1000 * f.left_seconds : Infinity }));
    showFaults();
    await updateProvocations().catch(() => undefined); // the buttons still work without an update
  } catch (error) {
    inForce = undefined;
    showPlan([refusal(error, 'GET /faults')]);
    if (error.admin) return refused;
  }
  return undefined;
}

function showPlan(lines) {
  if (at('plan').textContent !== lines.join('')) at('plan').replaceChildren(...lines.map((line) => el('li', {}, line)));
}

/** Lists the active faults, each with a button that ends only this fault. Buttons do not move. */
function showFaults() {
  if (inForce === undefined) return undefined;
  const faults = inForce.filter((f) => f.ends > Date.now());
  if (faults.length === 0) return showPlan(['No fault is active.']);
  const kept = new Map([...at('plan').querySelectorAll('li[data-fault]')].map((row) => [row.dataset.fault, row]));
  const rows = faults.map((f) => {
    const row = kept.get(f.fault) ?? el('li', { 'data-fault': f.fault }, el('span'), ' ', el('button', { type: 'button', class: 'link' }, 'End'));
    say(row.querySelector('span'), f.words + (f.ends < Infinity ? `, ${f.fault === 'crash' ? 'in' : 'for another'} ${span((f.ends - Date.now()) / 1000)}` : ''));
    const end = row.querySelector('button');
    end.dataset.patch = JSON.stringify(f.end);
    end.setAttribute('aria-label', `End ${f.words}`);
    return row;
  });
  if (rows.length !== at('plan').children.length || rows.some((row, i) => row !== at('plan').children[i])) at('plan').replaceChildren(...rows);
  return undefined;
}

/** Updates the provocation buttons: their patches depend on the memory and load of the machine. */
async function updateProvocations() {
  const { provocations } = await ask('/provocations');
  for (const { alert, faults = '', note = '' } of provocations) {
    for (const place of document.querySelectorAll(`[data-provoke="${CSS.escape(alert)}"]`)) {
      const button = place.querySelector('button');
      button.dataset.patch = faults;
      button.disabled = faults === '';
      button.title = note;
      say(place.querySelector('[data-role=note]'), note);
    }
  }
}

async function updateCrowd() {
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

/** The query box: runs queries that are typed or clicked, and those in the page's URL if the server knows them. */
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
    else at('answer').replaceChildren(el('p', { class: 'empty' }, 'This query is from the link. Press Run to run it.'));
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
