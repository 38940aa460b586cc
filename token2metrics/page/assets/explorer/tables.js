/** What requests cost and how long they may be, as tables of the page. */

const NO_MODEL = "Choose a model to see what the request costs.";
const NO_LIMIT = "State a limit to see the longest answer and the longest prompt that keep it.";
const DECODE_ONLY = "decode only";

/**
 * Return an element; texts are never read as HTML.
 *
 * @param {string} tag
 * @param {Object<string, string>} attributes
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Return a row of a table: its heading, then its cells. */
const row = (heading, cells) =>
  element("tr", {}, element("th", { scope: "row" }, heading), ...cells);

/** Return a cell that can be found by what it holds, with small words below. */
const quantityCell = (quantity, text, ...small) =>
  element(
    "td",
    { class: "number", "data-quantity": quantity },
    element("span", {}, text),
    ...small.filter(Boolean).map((words) => element("small", {}, words)),
  );

/**
 * Return a table that scrolls where it is too wide.
 *
 * @param {string} caption
 * @param {string[]} columns
 * @param {HTMLElement[]} rows
 * @param {string[]} plain Columns that hold no numbers.
 */
function tableOf(caption, columns, rows, plain = []) {
  for (const line of rows) {
    [...line.children].forEach((cell, place) => cell.setAttribute("data-label", columns[place]));
  }
  const heads = columns.map((name, place) => {
    const isNumber = place > 0 && !plain.includes(name);
    return element("th", { scope: "col", ...(isNumber ? { class: "number" } : {}) }, name);
  });
  const table = element(
    "table",
    {},
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...heads)),
    element("tbody", {}, ...rows),
  );
  const region = { class: "scrolled", role: "region", tabindex: "0", "aria-label": caption };
  return element("div", region, table);
}

/** Return a table whose rows become blocks where it is too wide; its arguments are `tableOf`'s. */
function stackedTable(...table) {
  const made = tableOf(...table);
  made.classList.add("stacked");
  return made;
}

/** Return the cell of a price: the number, and below it of how many requests. */
function priceCell(quantity, price) {
  const [number, ...words] = money(price).split(" ");
  return quantityCell(quantity, number, words.join(" "));
}

/** Write an interval below a number; nothing where there is none. */
const below = (unit, bounds) => (bounds === null ? "" : between(unit, bounds));

/** Return the cells of energy and power; those of decode, marked, where prefill has none. */
function energyCells(told) {
  const decodeOnly = isDecodeOnly(told);
  const part = decodeOnly ? told.decode : told;
  const remark = decodeOnly ? DECODE_ONLY : "";
  const bounds = below(joules, part.energy_interval_j);
  return [
    quantityCell("energy_j", joules(part.energy_j), bounds, remark),
    quantityCell("power_w", watts(part.power_w), remark),
  ];
}

/** Return the row of a model in the summary. */
function summaryRow({ label, told }) {
  return row(label, [
    quantityCell("latency_s", seconds(told.latency_s), below(seconds, told.latency_interval_s)),
    quantityCell("ttft_s", seconds(told.ttft_s)),
    quantityCell("tpot_s", seconds(told.tpot_s)),
    ...energyCells(told),
    priceCell("electricity", told.cost.electricity),
    priceCell("ownership", told.cost.ownership),
  ]);
}

/** Name a request. */
const requestWords = (state) =>
  `${counted(state.input_tokens, "input token")}, ${counted(state.output_tokens, "output token")}`;

/**
 * Show what a request costs on each model.
 *
 * @param {HTMLElement} place
 * @param {Object[]} shown
 * @param {Object} state
 */
function showSummary(place, shown, state) {
  if (!shown.length) return place.replaceChildren(element("p", { class: "notice" }, NO_MODEL));
  const columns = ["model", "latency", "TTFT", "TPOT", "energy", "power", "electricity", "owning"];
  const caption = `${requestWords(state)}, with ${percent(state.confidence)} intervals`;
  const notes = shown.flatMap(({ label, told }) => told.notes.map((note) => [label, note]));
  place.replaceChildren(stackedTable(caption, columns, shown.map(summaryRow)), notesOf(notes));
}

/** Return notes as a list, the same one of several models once. */
function notesOf(notes) {
  const labels = new Map();
  for (const [label, note] of notes) labels.set(note, [...(labels.get(note) ?? []), label]);
  const items = [...labels].map(([note, names]) =>
    element("li", {}, element("strong", {}, names.join(", ")), `: ${note}`),
  );
  return element("ul", { class: "notes", "aria-label": "Notes" }, ...items);
}

/** Return the cells of a plan: the most tokens, and why not more. */
function planCellsOf(plan, quantity) {
  const tokens = plan.refused !== undefined || !plan.feasible ? UNKNOWN : count(plan.tokens);
  const words = plan.refused ?? endingOf(plan);
  const taken = tokens === UNKNOWN ? "" : takenWords(plan);
  return [quantityCell(quantity, tokens, taken), element("td", { class: "words" }, words)];
}

/** Name a limit with a number of it. */
const limitWords = (name, value) => `${LIMITS[name].words} ${LIMITS[name].write(value)}`;

/** Say what a planned request takes at most of what is limited. */
const takenWords = (plan) =>
  Object.keys(plan.limits)
    .map((name) => limitWords(name, plan.at_most[name]))
    .join(", ");

/** Return the notes on plans of a model. */
const planNoteRows = ({ label, answer, prompt }) =>
  [...new Set([...(answer.notes ?? []), ...(prompt.notes ?? [])])].map((note) => [label, note]);

/**
 * Show the longest answer and the longest prompt of each model.
 *
 * @param {HTMLElement} place
 * @param {Object[]} shown
 * @param {Object} state
 */
function showPlans(place, shown, state) {
  const limits = Object.entries(state.limits);
  if (!shown.length) return place.replaceChildren();
  if (!limits.length) return place.replaceChildren(element("p", { class: "remark" }, NO_LIMIT));
  const stated = limits.map(([name, value]) => limitWords(name, value));
  const how = `with a probability of ${exactPercent(state.probability)} %`;
  const caption = `Longest that keeps ${stated.join(", ")} ${how}`;
  const answers = `answer to ${counted(state.input_tokens, "input token")}`;
  const prompts = `prompt before ${counted(state.output_tokens, "output token")}`;
  const columns = ["model", answers, "ended by", prompts, "then ended by"];
  const rows = shown.map(({ label, answer, prompt }) =>
    row(label, [
      ...planCellsOf(answer, "longest_answer_tokens"),
      ...planCellsOf(prompt, "longest_prompt_tokens"),
    ]),
  );
  const table = stackedTable(caption, columns, rows, ["ended by", "then ended by"]);
  place.replaceChildren(table, notesOf(shown.flatMap(planNoteRows)));
}

/** Return a pair of a description list. */
const pair = (name, quantity, text) => [
  element("dt", {}, name),
  element("dd", { "data-quantity": quantity }, text),
];

/** Return the row of a phase, or of the whole request. */
function phaseRow(name, part) {
  return row(name, [
    quantityCell(`${name}_latency_s`, seconds(part.latency_s)),
    quantityCell(`${name}_latency_interval_s`, between(seconds, part.latency_interval_s)),
    quantityCell(`${name}_energy_j`, joules(part.energy_j)),
    quantityCell(`${name}_energy_interval_j`, between(joules, part.energy_interval_j)),
    quantityCell(`${name}_power_w`, watts(part.power_w)),
  ]);
}

/** Return what the user of a request feels and pays. */
const ratesOf = (told) => [
  ...pair("time to first token (TTFT)", "ttft_s", seconds(told.ttft_s)),
  ...pair("time per output token (TPOT)", "tpot_s", seconds(told.tpot_s)),
  ...pair("output tokens per second", "output_tokens_per_s", digits(told.output_tokens_per_s)),
  ...pair("output tokens per joule", "output_tokens_per_j", digits(told.output_tokens_per_j)),
  ...pair("power rail", "power_rail", told.power_rail ?? UNKNOWN),
  ...pair("electricity", "electricity", money(told.cost.electricity)),
  ...pair("owning the device", "ownership", money(told.cost.ownership)),
];

/** Return what a phase rests on. */
const groundsOf = (phase, part) => [
  ...pair(`${phase} latency rests on`, `${phase}_rests_on`, part.rests_on),
  ...pair(`${phase} power rests on`, `${phase}_energy_rests_on`, part.energy_rests_on),
  ...pair(
    `${phase} interval rests on`,
    `${phase}_interval_rests_on`,
    part.interval_rests_on ?? UNKNOWN,
  ),
];

/** Return what a request on one model costs in full, and what that rests on. */
function requestDetails({ model, label, told }, state, isOpen) {
  const bounds = `${percent(state.confidence)} interval`;
  const columns = ["phase", "latency", bounds, "energy", bounds, "power"];
  const parts = [["prefill", told.prefill], ["decode", told.decode], ["request", told]];
  const heading = `${model.name} (${model.model}) on ${conditionsOf(model)}`;
  const grounds = PHASES.flatMap((phase) => groundsOf(phase, told[phase]));
  return element(
    "details",
    { class: "request", "data-model": model.identifier, ...(isOpen ? { open: "" } : {}) },
    element("summary", {}, `${label} in full`),
    stackedTable(heading, columns, parts.map(([name, part]) => phaseRow(name, part))),
    element("dl", { class: "pairs" }, ...ratesOf(told)),
    element("dl", { class: "pairs" }, ...grounds),
  );
}

/**
 * Show every model's request in full; what a reader opened stays open.
 *
 * @param {HTMLElement} place
 * @param {Object[]} shown
 * @param {Object} state
 */
function showRequests(place, shown, state) {
  const open = new Set(
    [...place.querySelectorAll("details[open]")].map((one) => one.dataset.model),
  );
  const isOpen = ({ model }) => shown.length === 1 || open.has(model.identifier);
  place.replaceChildren(...shown.map((one) => requestDetails(one, state, isOpen(one))));
}
