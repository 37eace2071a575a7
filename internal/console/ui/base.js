// Functions for all modules: creating elements, calling this server, formatting figures.
// External data only goes into text nodes and safe attributes, never into markup.

/** Creates an element with attributes and children, which are nodes or texts. */
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** Creates an SVG element. */
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

/** Sets a text only if it differs, so screen readers announce only changes. */
export function say(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

/** The error of a call with an error response. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? problem?.title ?? problem?.error ?? `status ${status}`);
    this.status = status;
  }

  /** Whether the call needs the admin token, which this page never requests. */
  get admin() { return this.status === 401 || this.status === 403; }
}

const patience = 8000; // timeout of a call, in milliseconds

/** Requests JSON from this server. */
export async function ask(path, options = {}) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(patience), ...options });
  const body = await answer.json().catch(() => undefined);
  if (!answer.ok) throw new Refused(answer.status, body);
  return body;
}

/** Sends a PUT with JSON, given as text. */
export function put(path, body) {
  return ask(path, { method: 'PUT', body, headers: { 'Content-Type': 'application/json' } });
}

/** Sends a PATCH with a JSON merge patch, given as text. */
export function patch(path, body) {
  return ask(path, { method: 'PATCH', body, headers: { 'Content-Type': 'application/merge-patch+json' } });
}

/** Calls the Prometheus API and returns the member data. */
export async function prometheus(call, parameters = {}) {
  const answer = await ask(`/api/v1/${call}?${new URLSearchParams(parameters)}`);
  return answer.data;
}

/** A figure and its unit, as [text, unit]. Units have Grafana's names. */
export function figure(value, unit) {
  if (!Number.isFinite(value)) return ['–', ''];
  switch (unit) {
    case 's': return value < 1 ? [round(value * 1000), 'ms'] : [round(value), 's'];
    case 'reqps': return [round(value), '/s'];
    case 'percent': return [round(value), '%'];
    default: return [round(value, 0), ''];
  }
}

/** The same as one text. */
export function written(value, unit) {
  const [text, of] = figure(value, unit);
  return of === '' || of === '/s' ? text + of : `${text} ${of}`;
}

function round(value, digits = Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0) {
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}

/** A duration in one or two units: 42 s, 3 min 5 s, 2 h. */
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min${s % 60 ? ` ${s % 60} s` : ''}`;
  if (s < 86400) return `${Math.floor(s / 3600)} h${s % 3600 >= 60 ? ` ${Math.floor((s % 3600) / 60)} min` : ''}`;
  return `${Math.floor(s / 86400)} d`;
}

/** How long ago a time was, in seconds. */
export function since(time) { return (Date.now() - Date.parse(time)) / 1000; }
