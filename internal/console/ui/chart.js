// Charts of time series, drawn as SVG. All charts of a page share one cursor.
import { figure, say, svg, written } from './base.js';

const most = 7; // lines that are easy to distinguish; the smaller ones are added up
// Names with a fixed colour; the others get the next free one.
const meant = { sold: 's1', denied: 's2', sold_out: 's4', 'sold out': 's4', failed: 's8' };
const edge = { top: 8, right: 8, bottom: 20, left: 44 };
const all = new Set();

/** Draws a curve without axes, for a tile. */
export function spark(node, values) {
  const known = values.filter((v) => v !== null);
  if (known.length < 2) return node.replaceChildren();
  const top = Math.max(...known, 1e-9) * 1.1;
  const x = (i) => (i / (values.length - 1)) * 100;
  const y = (v) => 29 - (v / top) * 28;
  const { line, area } = paths(values, values.map(() => 0), x, y);
  node.replaceChildren(svg('path', { class: 'area', d: area }), svg('path', { class: 'line', d: line }));
}

/** The values of a query_range result on a grid of times; null for missing values. */
export function onGrid(result, grid) {
  const values = new Array(grid.count).fill(null);
  for (const [time, text] of result.values ?? []) {
    const value = Number(text);
    const i = Math.round((time - grid.start) / grid.step);
    if (i >= 0 && i < grid.count && Number.isFinite(value)) values[i] = value;
  }
  return values;
}

export class Chart {
  constructor(node) {
    this.svg = node.querySelector('svg');
    this.legend = node.querySelector('.legend');
    this.title = node.querySelector('h3').textContent;
    this.unit = node.dataset.unit;
    this.stacked = node.dataset.stacked !== undefined;
    this.colours = new Map(); // by name, so a line keeps its colour
    this.series = [];
    this.bands = [];
    all.add(this);
    new ResizeObserver(() => this.draw()).observe(this.svg);
    this.svg.addEventListener('pointermove', (e) => point(this.at(e.offsetX)));
    this.svg.addEventListener('pointerleave', () => point(null));
    this.svg.addEventListener('blur', () => point(null));
    this.svg.addEventListener('keydown', (e) => {
      const move = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
      if (!move || !this.grid) return;
      e.preventDefault();
      const last = this.grid.count - 1;
      point(Math.min(last, Math.max(0, (this.cursor ?? last) + move)));
    });
  }

  /** Draws series ({name, values}) and bands ({state, values}) over a grid of times. */
  show(grid, series, bands) {
    this.grid = grid;
    this.bands = bands;
    this.series = foldRest(series.filter((s) => s.values.some((v) => v > 0) || series.length <= 3));
    for (const s of this.series) {
      if (!this.colours.has(s.name)) this.colours.set(s.name, meant[s.name] ?? `s${this.colours.size % 8}`);
    }
    this.draw();
  }

  /** The index of the time at a horizontal position. */
  at(left) {
    if (!this.grid) return null;
    const share = (left - edge.left) / (this.width - edge.left - edge.right);
    return Math.min(this.grid.count - 1, Math.max(0, Math.round(share * (this.grid.count - 1))));
  }

  draw() {
    this.width = this.svg.clientWidth;
    this.height = this.svg.clientHeight;
    if (!this.grid || this.width < 100) return;
    const { count } = this.grid;
    const floor = this.stacked ? stack(this.series, count) : this.series.map(() => new Array(count).fill(0));
    // In a stack, 0 is not drawn: its line would cover that of the layer below.
    const tops = this.series.map((s, k) => s.values.map((v, i) => (v === null || (this.stacked && v === 0) ? null : v + floor[k][i])));
    const scale = niceScale(Math.max(0, ...tops.flat().filter((v) => v !== null)));
    const x = (i) => edge.left + (i / (count - 1)) * (this.width - edge.left - edge.right);
    const y = (v) => this.height - edge.bottom - (v / scale.top) * (this.height - edge.top - edge.bottom);

    const parts = [...this.drawBands(x), ...this.drawAxes(x, y, scale)];
    this.series.forEach((s, k) => {
      const { line, area } = paths(tops[k], floor[k], x, y);
      const colour = this.colours.get(s.name);
      if (this.stacked) parts.push(svg('path', { class: `area ${colour}`, d: area }));
      parts.push(svg('path', { class: `line ${colour}`, d: line }));
    });
    if (this.series.length === 0) {
      parts.push(svg('text', { class: 'none', x: this.width / 2, y: this.height / 2 - 6 }, 'no data'));
    }
    this.hair = svg('line', { class: 'cursor', y1: edge.top, y2: this.height - edge.bottom, visibility: 'hidden' });
    this.svg.replaceChildren(...parts, this.hair);
    this.x = x;
    this.readOut();
  }

  drawBands(x) {
    return this.bands.flatMap(({ state, values }) => runs(values).map(([from, to]) => svg('rect', {
      class: `band ${state}`, x: x(from), width: Math.max(2, x(to) - x(from)), y: edge.top, height: this.height - edge.top - edge.bottom,
    })));
  }

  drawAxes(x, y, scale) {
    const parts = [];
    for (const value of scale.ticks) {
      parts.push(svg('line', { class: 'grid', x1: edge.left, x2: this.width - edge.right, y1: y(value), y2: y(value) }));
      parts.push(svg('text', { x: edge.left - 7, y: y(value) + 4, 'text-anchor': 'end' }, value === 0 ? '0' : figure(value, this.unit).join('')));
    }
    const { start, step, count } = this.grid;
    const every = [60, 120, 300, 600, 900].find((s) => (count * step) / s <= Math.max(2, this.width / 80)) ?? 1800;
    for (let t = Math.ceil(start / every) * every; t <= start + step * (count - 1); t += every) {
      const left = x((t - start) / step);
      if (left > edge.left + 12 && left < this.width - 18) {
        parts.push(svg('text', { x: left, y: this.height - 4, 'text-anchor': 'middle' }, clock(t)));
      }
    }
    return parts;
  }

  /** Shows the values at the cursor in the legend, or the newest values without a cursor. */
  readOut() {
    if (!this.grid) return;
    const i = this.cursor ?? null;
    const rows = this.series.map((s) => [s.name, written((i === null ? newest(s.values) : s.values[i]) ?? NaN, this.unit), this.colours.get(s.name)]);
    const when = i === null ? '' : clock(this.grid.start + i * this.grid.step, true);
    this.fillLegend([...rows, ...(when ? [['', when, 'when']] : [])]);
    this.svg.setAttribute('aria-label', `${this.title}${when && ` at ${when}`}: ${rows.map(([n, v]) => `${n} ${v}`).join(', ') || 'no data'}`);
    if (i === null) return this.hair?.setAttribute('visibility', 'hidden');
    for (const [key, value] of [['x1', this.x(i)], ['x2', this.x(i)], ['visibility', 'visible']]) this.hair.setAttribute(key, value);
  }

  fillLegend(rows) {
    while (this.legend.children.length > rows.length) this.legend.lastChild.remove();
    rows.forEach(([name, value, style], k) => {
      const item = this.legend.children[k] ?? this.legend.appendChild(document.createElement('li'));
      if (!item.firstChild) item.append(document.createElement('span'), document.createElement('b'));
      item.className = style;
      say(item.firstChild, name);
      say(item.lastChild, value);
    });
  }
}

function point(i) {
  for (const chart of all) {
    chart.cursor = i === null || !chart.grid ? null : Math.min(i, chart.grid.count - 1);
    if (chart.svg.firstChild) chart.readOut();
  }
}

/** Keeps the series with the highest peaks and adds up the others. */
function foldRest(series) {
  if (series.length <= most) return series;
  const peak = (s) => Math.max(...s.values.map((v) => v ?? 0));
  const kept = new Set([...series].sort((a, b) => peak(b) - peak(a)).slice(0, most - 1));
  const rest = series.filter((s) => !kept.has(s));
  const sum = rest[0].values.map((_, i) => rest.reduce((total, s) => total + (s.values[i] ?? 0), 0));
  return [...series.filter((s) => kept.has(s)), { name: `${rest.length} others`, values: sum }];
}

/** For each of stacked series, the sum of those below it. */
function stack(series, count) {
  const sum = new Array(count).fill(0);
  return series.map((s) => {
    const floor = [...sum];
    s.values.forEach((v, i) => { sum[i] += v ?? 0; });
    return floor;
  });
}

/** The path along the values and the path around the area below, with gaps for missing values. */
function paths(values, floor, x, y) {
  let line = '';
  let area = '';
  for (const [from, to] of runs(values, (v) => v !== null)) {
    const along = [];
    const back = [];
    for (let i = from; i <= to; i++) {
      along.push(`${x(i).toFixed(1)} ${y(values[i]).toFixed(1)}`);
      back.unshift(`${x(i).toFixed(1)} ${y(floor[i]).toFixed(1)}`);
    }
    line += `M${along.join('L')}`;
    area += `M${along.join('L')}L${back.join('L')}Z`;
  }
  return { line, area };
}

/** The ranges [from, to] of indices whose values match. */
function runs(values, matches = (v) => v > 0) {
  const found = [];
  values.forEach((v, i) => {
    if (!matches(v)) return;
    if (found.length && found.at(-1)[1] === i - 1) found.at(-1)[1] = i;
    else found.push([i, i]);
  });
  return found;
}

/** A round maximum for the axis, and three to five ticks. */
function niceScale(highest) {
  if (highest <= 0) return { top: 1, ticks: [0, 1] };
  const rough = highest / 3.5;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * unit).find((s) => s >= rough);
  const ticks = [];
  for (let k = 0; k <= Math.ceil(highest / step); k++) ticks.push(k * step);
  return { top: ticks.at(-1), ticks };
}

function newest(values) { return values.findLast((v) => v !== null); }

function clock(seconds, exact = false) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: exact ? '2-digit' : undefined, hour12: false });
}
