// The tiles and the charts. Their queries are in the page.
import { Chart, onGrid, spark } from './chart.js';
import { figure, prometheus, say, written } from './base.js';

const points = 100; // of a curve

const tiles = [...document.querySelectorAll('.tile')];
const charts = [...document.querySelectorAll('.chart')].map((node) => ({ node, chart: new Chart(node) }));

// Bands behind every chart that show when alerts were pending or firing.
const bands = ['pending', 'firing'].map((state) => ({
  state, expr: `count(ALERTS{alertstate="${state}",severity!="info"})`,
}));

let drawn = ''; // the current grid
let asked = new Map(); // the results of its queries; tiles and charts share some

/** Redraws everything if at least one new point is due. */
export async function drawFigures() {
  const range = Number(document.querySelector('[name=range]:checked').value);
  const step = Math.max(Math.round(range / points), Number(document.body.dataset.every));
  const end = Math.floor(Date.now() / 1000 / step) * step;
  const count = Math.floor(range / step) + 1;
  const grid = { start: end - (count - 1) * step, end, step, count };
  if (drawn === `${end} ${step}`) return;
  drawn = `${end} ${step}`;
  asked = new Map();
  try {
    const behind = await Promise.all(bands.map(async (b) => ({ state: b.state, values: sum(await curves(b.expr, grid), grid) })));
    await Promise.all([...tiles.map((t) => drawTile(t, grid)), ...charts.map((c) => drawChart(c, grid, behind))]);
  } catch (error) {
    drawn = '';
    throw error;
  }
}

/** The queries of a node with their legends. */
function queriesOf(node) {
  return [...node.querySelectorAll('data')].map((q) => ({ expr: q.value, legend: q.textContent }));
}

/** Returns the curves of a query: [{metric, values}]. */
function curves(expr, grid) {
  if (!asked.has(expr)) asked.set(expr, askRange(expr, grid));
  return asked.get(expr);
}

async function askRange(expr, grid) {
  const window = Math.max(Number(document.body.dataset.window), grid.step);
  const data = await prometheus('query_range', {
    query: expr.replaceAll('[$window]', `[${window}s]`), start: grid.start, end: grid.end, step: grid.step,
  });
  return data.result.map((r) => ({ metric: r.metric, values: onGrid(r, grid) }));
}

function sum(found, grid) {
  return Array.from({ length: grid.count }, (_, i) => found.reduce((s, c) => s + (c.values[i] ?? 0), 0));
}

/** The current value: the last point, or the one before it if the last is not available yet. */
function now(values) { return values?.at(-1) ?? values?.at(-2) ?? NaN; }

async function drawTile(tile, grid) {
  const [main, beside] = await Promise.all(queriesOf(tile).map(async (q) => ({ ...q, values: (await curves(q.expr, grid))[0]?.values })));
  const [text, unit] = figure(now(main.values), tile.dataset.unit);
  const value = tile.querySelector('[data-role=value]');
  const has = text !== '–';
  value.classList.toggle('none', !has);
  if (!has) say(value, main.values ? '–' : 'no data');
  else if (value.textContent !== text + unit) {
    const small = document.createElement('small');
    small.textContent = unit;
    value.replaceChildren(text, small);
  }
  const second = now(beside?.values);
  say(tile.querySelector('[data-role=beside]'), Number.isFinite(second) ? beside.legend.replace('{}', besideText(second, tile, beside)) : '');
  spark(tile.querySelector('[data-role=spark]'), main.values ?? []);
}

/** The second figure has the tile's unit, unless its legend contains a unit or it is a count. */
function besideText(value, tile, { legend }) {
  const counts = legend.includes('{}%') || legend.includes('in flight');
  return counts ? String(Math.round(value)) : written(value, tile.dataset.unit);
}

async function drawChart({ node, chart }, grid, behind) {
  const found = await Promise.all(queriesOf(node).map(async (q) =>
    (await curves(q.expr, grid)).map((c) => ({ name: nameOf(q.legend, c.metric), values: c.values }))));
  chart.show(grid, found.flat(), behind);
}

function nameOf(legend, metric) {
  return legend.replace(/\{\{(\w+)\}\}/g, (_, label) => metric[label] ?? '').trim() || 'all';
}
