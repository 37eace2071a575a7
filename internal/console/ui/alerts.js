// The state of the alerts: the word at the top, the lamps, the table.
import { ask, el, prometheus, say, since, span, written } from './base.js';

const order = { firing: 0, pending: 1, info: 2, silenced: 3, inactive: 4, blind: 5, unknown: 6 };

/**
 * Reads all alert rules, from Alertmanager what is silenced or inhibited, and which alerts can be judged. Returns the
 * alerts by name, with what cannot be judged as their property note. What is not known is never taken for quiet.
 */
export async function readAlerts() {
  const [data, sent, coverage] = await Promise.all([
    prometheus('rules', { type: 'alert' }), ask('/api/v2/alerts').catch(() => []), ask('/coverage').catch(() => undefined)]);
  const judged = new Map(coverage?.alerts.map((a) => [a.name, a]));
  const muted = new Map(sent.filter((a) => a.status.state === 'suppressed')
    .map((a) => [a.labels.alertname, a.status.silencedBy.length ? 'silenced' : 'inhibited']));
  sent.filter((a) => a.status.state === 'active').forEach((a) => muted.delete(a.labels.alertname)); // somebody is told
  const found = new Map();
  found.note = coverage ? coverage.note : 'which alerts have series is not known';
  for (const rule of data.groups.flatMap((g) => g.rules)) {
    const alert = cover(describe(rule, muted.get(rule.name)), judged.get(rule.name), coverage);
    const other = found.get(rule.name); // a name may stand on several rules
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

/** Says of an alert that is inactive whether it can be judged at all. The rules of the user's own are not looked at. */
function cover(alert, judged, known) {
  if (alert.state !== 'inactive') return alert;
  if (!known) return { ...alert, state: 'unknown', words: 'not known' };
  if (!judged?.reason) return alert;
  const reason = `${judged.reason.charAt(0).toUpperCase()}${judged.reason.slice(1)}.`;
  switch (judged.state) {
    case 'judged': return { ...alert, more: reason };
    case 'no_series': return { ...alert, state: 'blind', words: 'no series to judge', more: reason };
    default: return { ...alert, state: 'unknown', words: 'not known', more: reason };
  }
}

function words(rule, first, verb) {
  if (!first) return rule.state;
  const age = since(first.activeAt);
  if (rule.state === 'pending') return `pending ${span(Math.min(age, rule.duration))} of ${span(rule.duration)}`;
  return `${verb} ${span(age - rule.duration)}`;
}

/** Says in a word how things are. */
export function showOverall(node, alerts) {
  const all = [...alerts.values()];
  const of = (state) => all.filter((a) => a.state === state).length;
  const parts = [[of('firing'), 'firing'], [of('pending'), 'pending'], [of('info'), 'notice']].filter(([n]) => n > 0);
  const quiet = alerts.note ? 'blind' : 'inactive';
  node.dataset.state = of('firing') ? 'firing' : of('pending') ? 'pending' : of('info') ? 'info' : quiet;
  node.title = alerts.note;
  say(node, parts.map(([n, what]) => `${n} ${what}`).join(', ') || (alerts.note ? `Quiet, as far as can be judged: ${alerts.note}` : 'All quiet'));
}

/** Lights the lamps. Alerts that the catalogue does not have get one as well. */
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

/** Fills the table: what fires stands first, then what is pending, then the rest as the page has it. */
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
  const used = body.matches(':hover') || body.contains(document.activeElement); // no button moves from under a finger
  if (!used && sorted.some((row, i) => row !== body.children[i])) body.append(...sorted);
}

/** Shows one alert's state as a coloured word. */
export function showState(cell, alert) {
  if (!cell.querySelector('.state')) cell.replaceChildren(el('span', { class: 'state' }));
  cell.firstChild.className = `state ${alert.state}`;
  say(cell.firstChild, alert.words);
}

function newRow({ name, severity }) {
  const known = ['critical', 'warning', 'info'].includes(severity) ? severity : '';
  return el('tr', { 'data-name': name },
    el('th', { scope: 'row' }, name, ' ', el('span', { class: `severity ${known}` }, severity),
      el('p', { 'data-role': 'summary', 'data-about': 'A rule of your own.' })),
    el('td', { 'data-role': 'state' }), el('td', { 'data-role': 'value', class: 'number' }),
    document.body.dataset.api === undefined ? null : el('td'));
}
