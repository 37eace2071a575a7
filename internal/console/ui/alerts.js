// The state of the alerts: the summary at the top, the status indicators and the table.
import { ask, el, prometheus, say, since, span, written } from './base.js';

const order = { firing: 0, pending: 1, info: 2, silenced: 3, inactive: 4, blind: 5, unknown: 6 };

/**
 * Reads all alert rules, the silenced and inhibited alerts from Alertmanager, and which alerts have their series.
 * Returns the alerts by name, and as property note what is unknown or missing. An alert whose state is unknown is never
 * shown as quiet.
 */
export async function readAlerts() {
  const [data, sent, coverage] = await Promise.all([
    prometheus('rules', { type: 'alert' }), ask('/api/v2/alerts').catch(() => []), ask('/coverage').catch(() => undefined)]);
  const judged = new Map(coverage?.alerts.map((a) => [a.name, a]));
  const muted = new Map(sent.filter((a) => a.status.state === 'suppressed')
    .map((a) => [a.labels.alertname, a.status.silencedBy.length ? 'silenced' : 'inhibited']));
  sent.filter((a) => a.status.state === 'active').forEach((a) => muted.delete(a.labels.alertname)); // some of its alerts are notified
  const found = new Map();
  found.note = coverage ? coverage.note : 'it is unknown which alerts have series';
  for (const rule of data.groups.flatMap((g) => g.rules)) {
    const alert = cover(describe(rule, muted.get(rule.name)), judged.get(rule.name), coverage);
    const other = found.get(rule.name); // several rules may have the same name
    if (!other || order[alert.state] < order[other.state]) found.set(rule.name, alert);
  }
  return found;
}

function describe(rule, muted) {
  const severity = rule.labels?.severity ?? 'none';
  const active = [...(rule.alerts ?? [])].sort((a, b) => (a.state === 'firing' ? 0 : 1) - (b.state === 'firing' ? 0 : 1));
  const first = active[0];
  const fires = muted ? 'silenced' : severity === 'info' ? 'info' : 'firing';
  const state = rule.state === 'firing' ? fires : rule.state;
  return {
    name: rule.name, severity, state, count: active.filter((a) => a.state === first?.state).length,
    words: words(rule, first, muted ?? 'firing'), value: first ? Number(first.value) : NaN,
    summary: rule.lastError ? `The rule fails: ${rule.lastError}` : first?.annotations?.summary,
  };
}

/** Marks an inactive alert that cannot fire for lack of series. Users' own rules are not checked. */
function cover(alert, judged, known) {
  if (alert.state !== 'inactive') return alert;
  if (!known) return { ...alert, state: 'unknown', words: 'unknown' };
  if (!judged?.reason) return alert;
  const reason = `${judged.reason.charAt(0).toUpperCase()}${judged.reason.slice(1)}.`;
  switch (judged.state) {
    case 'judged': return { ...alert, more: reason };
    case 'no_series': return { ...alert, state: 'blind', words: 'no series', more: reason };
    default: return { ...alert, state: 'unknown', words: 'unknown', more: reason };
  }
}

function words(rule, first, verb) {
  if (!first) return rule.state;
  const age = since(first.activeAt);
  if (rule.state === 'pending') return `pending ${span(Math.min(age, rule.duration))} of ${span(rule.duration)}`;
  return `${verb} ${span(age - rule.duration)}`;
}

/** Shows the overall state. */
export function showOverall(node, alerts) {
  const all = [...alerts.values()];
  const of = (state) => all.filter((a) => a.state === state).length;
  const parts = [[of('firing'), 'firing'], [of('pending'), 'pending'], [of('info'), 'notice']].filter(([n]) => n > 0);
  const quiet = alerts.note ? 'blind' : 'inactive';
  node.dataset.state = of('firing') ? 'firing' : of('pending') ? 'pending' : of('info') ? 'info' : quiet;
  node.title = alerts.note;
  say(node, parts.map(([n, what]) => `${n} ${what}`).join(', ') || (alerts.note ? `Quiet, but ${alerts.note}` : 'All quiet'));
}

/** Updates the status indicators. Adds indicators for alerts that are not in the catalogue. */
export function showLamps(list, alerts) {
  for (const { name, state, words: text, more } of alerts.values()) {
    let lamp = list.querySelector(`[data-name="${CSS.escape(name)}"]`);
    if (!lamp) {
      lamp = el('a', { class: 'lamp', href: '#alerts', 'data-name': name }, name);
      list.append(el('li', {}, lamp));
    }
    lamp.dataset.state = state;
    lamp.title = more ? `${text}. ${more}` : text;
    lamp.setAttribute('aria-label', `${name}: ${text}`);
  }
}

/** Fills the table: firing alerts first, then pending ones, then the rest in the order of the page. */
export function showTable(body, alerts) {
  for (const alert of alerts.values()) {
    const row = body.querySelector(`[data-name="${CSS.escape(alert.name)}"]`) ?? body.appendChild(newRow(alert));
    row.dataset.state = alert.state;
    const about = row.querySelector('[data-role=summary]');
    const more = alert.more ? ` ${alert.more}` : alert.count > 1 ? ` (and ${alert.count - 1} more)` : '';
    showState(row.querySelector('[data-role=state]'), alert);
    say(row.querySelector('[data-role=value]'), written(alert.value, 'short') === '–' ? '–' : alert.value.toLocaleString('en', { maximumSignificantDigits: 4 }));
    say(about, (alert.summary ?? about.dataset.about) + more);
  }
  [...body.children].forEach((row, i) => { row.dataset.place ??= i; });
  const sorted = [...body.children].sort((a, b) => order[a.dataset.state] - order[b.dataset.state] || a.dataset.place - b.dataset.place);
  const used = body.matches(':hover') || body.contains(document.activeElement); // do not move a button that is about to be pressed
  if (!used && sorted.some((row, i) => row !== body.children[i])) body.append(...sorted);
}

/** Shows the state of one alert as a coloured word. */
export function showState(cell, alert) {
  if (!cell.querySelector('.state')) cell.replaceChildren(el('span', { class: 'state' }));
  cell.firstChild.className = `state ${alert.state}`;
  say(cell.firstChild, alert.words);
}

function newRow({ name, severity }) {
  const known = ['critical', 'warning', 'info'].includes(severity) ? severity : '';
  return el('tr', { 'data-name': name },
    el('th', { scope: 'row' }, name, ' ', el('span', { class: `severity ${known}` }, severity),
      el('p', { 'data-role': 'summary', 'data-about': 'One of your own rules.' })),
    el('td', { 'data-role': 'state' }), el('td', { 'data-role': 'value', class: 'number' }),
    document.body.dataset.api === undefined ? null : el('td'));
}
