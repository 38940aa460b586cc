/** The charts of the explorer, drawn by the page. */

const CHART_UNITS = {
  answer_latency: seconds,
  prompt_latency: seconds,
  answer_energy: joules,
  answer_power: watts,
};
const TABLE_EVERY = 10;
const SVG = "http://www.w3.org/2000/svg";
const waiting = new Map();
const working = new Set();
const drawn = new Map();

/**
 * Show other data in a chart, or draw it first; of what comes meanwhile, the last.
 *
 * @param {string} name
 * @param {Object<string, Object[]>} data By the names of its data sets.
 */
async function showChart(name, data) {
  waiting.set(name, data);
  if (working.has(name)) return;
  working.add(name);
  while (waiting.has(name)) {
    const latest = waiting.get(name);
    waiting.delete(name);
    if (drawn.has(name)) await drawn.get(name).update(latest);
    else drawn.set(name, await drawChart(name, latest));
  }
  working.delete(name);
}

/** Draw a chart in its place. */
function drawChart(name, data) {
  const place = document.querySelector(`[data-curve="${name}"]`);
  return window.token2metrics.draw(place, charts[name], data);
}

/** Say which models a chart shows in part or not at all. */
function remarkOn(name, rows, shown) {
  const { of } = CURVES[name];
  const partly = shown.filter(({ label }) =>
    rows.some(({ series, quantity }) => series === label && quantity !== of[0]),
  );
  const absent = shown.filter(({ label }) => !rows.some(({ series }) => series === label));
  const names = (some) => some.map(({ label }) => label).join(", ");
  const remarks = [
    partly.length ? `${DECODE_ONLY}, for no energy of prefill was measured: ${names(partly)}` : "",
    absent.length ? `nothing measured tells of ${names(absent)}` : "",
  ];
  return remarks.filter(Boolean).join("; ");
}

/** Return the numbers of a chart at some of its lengths. */
function numbersTable(name, rows, shown, title) {
  const write = CHART_UNITS[name];
  const counts = [...new Set(rows.map(({ tokens }) => tokens))];
  const some = counts.filter((_, place) => place % TABLE_EVERY === 0);
  const at = (label, tokens) =>
    rows.find(({ series, tokens: own }) => series === label && own === tokens);
  const cells = (tokens) =>
    shown.map(({ label }) => {
      const found = at(label, tokens);
      if (found === undefined) return quantityCell(name, UNKNOWN);
      return quantityCell(name, write(found.value), between(write, found));
    });
  const lines = some.map((tokens) => row(count(tokens), cells(tokens)));
  const tokens = CURVES[name].tokens.replace("_", " ");
  return tableOf(title, [tokens, ...shown.map(({ label }) => label)], lines);
}

/** Return a short line as the charts draw a model's. */
function swatch(place) {
  const drawing = document.createElementNS(SVG, "svg");
  const line = document.createElementNS(SVG, "line");
  const shape = { x1: "0", y1: "6", x2: "36", y2: "6", "stroke-width": "3" };
  const dashes = constants.dashes[place % constants.dashes.length];
  const looks = {
    stroke: `var(--series-${place % constants.dashes.length})`,
    "stroke-dasharray": dashes.join(" "),
  };
  const attributes = { ...shape, ...looks };
  for (const [name, value] of Object.entries(attributes)) line.setAttribute(name, value);
  drawing.setAttribute("viewBox", "0 0 36 12");
  drawing.setAttribute("aria-hidden", "true");
  drawing.append(line);
  return drawing;
}

/** Say which line is which model's. */
function showLegend(shown) {
  const items = shown.map(({ label }, place) => element("li", {}, swatch(place), label));
  input("legend").replaceChildren(...items);
}

/**
 * Show every chart.
 *
 * @param {Array<{model: Object, label: string, widths: Object}>} shown
 * @param {Object} state
 */
function showCharts(shown, state) {
  input("charts").hidden = !shown.length;
  if (!shown.length) return;
  showLegend(shown);
  for (const name of Object.keys(CURVES)) {
    const rows = curveRows(name, shown, state);
    const title = document.getElementById(`explorer-${name}-title`).textContent;
    input(`${name}-remark`).textContent = remarkOn(name, rows, shown);
    input(`${name}-numbers`).replaceChildren(numbersTable(name, rows, shown, title));
    showChart(name, chartData(name, rows, shown, state));
  }
}
