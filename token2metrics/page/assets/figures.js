/**
 * Draws the figures of a page, light or dark as the reader's system is, and anew when that changes.
 *
 * Other scripts of the page draw by `window.token2metrics.draw`.
 */

/** What a letter of a legend takes, and what stands beside each of its names. */
const LETTER_PX = 7;
const BESIDE_NAME_PX = 44;

/** What a panel takes beside its plot: the axis, its title, and the gap to the next panel. */
const BESIDE_PANEL_PX = 84;

/** No panel among several is narrower, if one fits at all. */
const NARROWEST_PANEL_PX = 200;

/** So long after the last change of the window charts are fitted to it. */
const SETTLED_MS = 150;

const schemes = JSON.parse(document.getElementById("chart-schemes").textContent);
const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
const charts = new Set();
let printing = false;

/** Return the name of the scheme to draw in; paper is light. */
function schemeName() {
  return prefersDark.matches && !printing ? "dark" : "light";
}

/** Return the names of series as the scale of their colours lists them, the first found. */
function seriesNames(part) {
  if (typeof part !== "object" || part === null) return [];
  const listed = part.color?.scale?.domain;
  return listed ?? Object.values(part).map(seriesNames).find((names) => names.length) ?? [];
}

/** Return the configuration of a chart of a width: its legend takes as few lines as there is room. */
function configuration(scheme, specification, width) {
  const config = schemes[scheme];
  const names = seriesNames({ ...specification, datasets: null });
  const widest = Math.max(0, ...names.map((name) => String(name).length)) * LETTER_PX;
  const columns = Math.max(1, Math.floor(width / (widest + BESIDE_NAME_PX)));
  return { ...config, legend: { ...config.legend, columns } };
}

/** Return how many panels fit beside each other, and how wide the plot of each may be. */
function arrangement(count, most, width) {
  const columns = Math.min(count, most, Math.floor(width / (NARROWEST_PANEL_PX + BESIDE_PANEL_PX)));
  const across = Math.max(1, columns);
  return { columns: across, width: Math.floor(width / across) - BESIDE_PANEL_PX };
}

/** Return a chart of several panels with as many beside each other as there is room for. */
function fitted(specification, scheme, width) {
  const panels = specification.concat;
  if (!panels) return specification;
  const most = specification.columns ?? schemes[scheme].concat.columns;
  const room = arrangement(panels.length, most, width);
  const concat = panels.map((panel) => ({ ...panel, width: room.width }));
  return { ...specification, columns: room.columns, concat };
}

/** A chart in the page that can be drawn again. */
class Chart {
  #drawings = Promise.resolve();
  #result = null;
  #width = 0;

  constructor(element, specification, data) {
    this.element = element;
    this.specification = specification;
    this.data = data;
  }

  /** Draw with the present data, scheme and width, after what is being drawn. */
  redraw() {
    this.#drawings = this.#drawings.then(() => this.#draw());
    return this.#drawings;
  }

  /** Draw again if there is more or less room than there was. */
  refit() {
    return this.element.clientWidth === this.#width ? this.#drawings : this.redraw();
  }

  /**
   * Show other data.
   *
   * @param {Object<string, Array<Object>>} data Rows by the name of their data set.
   */
  update(data) {
    this.data = { ...this.data, ...data };
    this.#drawings = this.#drawings.then(async () => {
      for (const [name, rows] of Object.entries(data)) this.#result.view.data(name, rows);
      await this.#result.view.runAsync();
    });
    return this.#drawings;
  }

  async #draw() {
    const scheme = schemeName();
    const before = this.#result;
    this.#width = this.element.clientWidth;
    const datasets = { ...this.specification.datasets, ...this.data };
    this.#result = await window.vegaEmbed(
      this.element,
      { ...fitted(this.specification, scheme, this.#width), datasets },
      {
        actions: false,
        ast: true,
        config: configuration(scheme, this.specification, this.#width),
        mode: "vega-lite",
        renderer: "svg",
        tooltip: { theme: scheme },
      },
    );
    before?.finalize();
    this.#describe();
  }

  /** Make it one image with a description; its numbers are a table elsewhere in the page. */
  #describe() {
    this.element.setAttribute("role", "img");
    this.element.setAttribute("aria-label", this.specification.description ?? "chart");
    this.element.querySelector("svg").setAttribute("aria-hidden", "true");
  }
}

/**
 * Draw a chart that follows colour scheme and width.
 *
 * @param {HTMLElement} element Where; what it holds is replaced.
 * @param {Object} specification Vega-Lite without colours of its own; data sets that change are
 *     named in it, as `{"data": {"name": "latencies"}}`.
 * @param {Object<string, Array<Object>>} data Rows of such data sets, by name.
 * @returns {Promise<Chart>} Once it stands; `chart.update(data)` shows other data.
 */
async function draw(element, specification, data = {}) {
  const chart = new Chart(element, specification, data);
  charts.add(chart);
  await chart.redraw();
  return chart;
}

/** Draw every chart again. */
function redrawAll() {
  for (const chart of charts) chart.redraw();
}

/** Draw in the colours of paper, or of the screen again. */
function turnToPaper(towards) {
  printing = towards;
  if (prefersDark.matches) redrawAll();
}

let settling = 0;
window.token2metrics = Object.freeze({ draw });
prefersDark.addEventListener("change", redrawAll);
window.addEventListener("beforeprint", () => turnToPaper(true));
window.addEventListener("afterprint", () => turnToPaper(false));
window.addEventListener("resize", () => {
  clearTimeout(settling);
  settling = setTimeout(() => charts.forEach((chart) => chart.refit()), SETTLED_MS);
});

for (const element of document.querySelectorAll("[data-specification]")) {
  const held = document.getElementById(element.dataset.specification);
  draw(element, JSON.parse(held.textContent));
}
