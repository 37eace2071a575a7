// What all modules share: making elements, asking this server, writing figures.
// Everything that comes from outside ends up in a text node or an attribute that
// cannot run, never in markup.

/** Makes an element: attributes as given, children as nodes or texts. */
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** Makes an element of SVG. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== undefined && child !== null && child !== ''));
  return node;
}

/** Sets a text, and touches the page only if it differs, so that screen readers hear changes alone. */
export function say(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

/** What a call that was answered with an error carries. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? problem?.title ?? problem?.error ?? `answered ${status}`);
    this.status = status;
  }

  /** Whether the caller has to show the admin token, which this page never asks for. */
  get admin() { return this.status === 401 || this.status === 403; }
}

const patience = 8000; // milliseconds that an answer may take

/** Asks this server for JSON. */
export async function ask(path, options = {}) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(patience), ...options });
  const body = await answer.json().catch(() => undefined);
  if (!answer.ok) throw new Refused(answer.status, body);
  return body;
}

/** Puts JSON, given as text. */
export function put(path, body) {
  return ask(path, { method: 'PUT', body, headers: { 'Content-Type': 'application/json' } });
}

/** Patches JSON, by a merge patch given as text. */
export function patch(path, body) {
  return ask(path, { method: 'PATCH', body, headers: { 'Content-Type': 'application/merge-patch+json' } });
}

/** Asks Prometheus and returns what stands under data. */
export async function prometheus(call, parameters = {}) {
  const answer = await ask(`/api/v1/${call}?${new URLSearchParams(parameters)}`);
  return answer.data;
}

/** A figure and its unit, as [text, unit]; units go by the names Grafana has for them. */
export function figure(value, unit) {
  if (!Number.isFinite(value)) return ['–', ''];
  switch (unit) {
    case 's': return value < 1 ? [round(value * 1000), 'ms'] : [round(value), 's'];
    case 'reqps': return [round(value), '/s'];
    case 'percent': return [round(value), '%'];
    default: return [round(value, 0), ''];
  }
}

/** The same in one text. */
export function written(value, unit) {
  const [text, of] = figure(value, unit);
  return of === '' || of === '/s' ? text + of : `${text} ${of}`;
}

function round(value, digits = Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0) {
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}

/** A time span in one or two units: 42 s, 3 min 5 s, 2 h. */
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min${s % 60 ? ` ${s % 60} s` : ''}`;
  if (s < 86400) return `${Math.floor(s / 3600)} h${s % 3600 >= 60 ? ` ${Math.floor((s % 3600) / 60)} min` : ''}`;
  return `${Math.floor(s / 86400)} d`;
}

/** How long ago a time was, in seconds. */
export function since(time) { return (Date.now() - Date.parse(time)) / 1000; }
