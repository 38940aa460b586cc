/** What is shown as a table for spreadsheets, in which no cell is carried out. */

const COMMANDING = /^[\s]*[=+\-@\uFF0B\uFF0D\uFF1D\uFF20]|^[\t\r\n]/;
const QUOTED = /[",;\r\n\t]/;
const CSV_QUANTITIES = ["latency_s", "energy_j"];

/**
 * Return a text that a spreadsheet takes for a text: what looks like a formula gets an apostrophe.
 *
 * @param {string} text
 * @returns {string}
 */
const inert = (text) => (COMMANDING.test(text) ? `'${text}` : text);

/**
 * Write a cell.
 *
 * @param {string|number|boolean|null|undefined} value
 * @returns {string}
 */
function csvCell(value) {
  if (value === null || value === undefined) return "";
  const text = typeof value === "string" ? inert(value) : String(value);
  return QUOTED.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * Write rows, whose names are the columns; a row may lack some.
 *
 * @param {Array<Object<string, string|number|boolean|null>>} rows
 * @returns {string}
 */
function csvText(rows) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = rows.map((row) => columns.map((column) => csvCell(row[column])));
  return [columns.map(csvCell), ...lines].map((cells) => `${cells.join(",")}\r\n`).join("");
}

/** Name the bounds of a quantity: `latency_s` has `latency_lower_s`. */
function endNames(quantity) {
  const [stem, unit] = [quantity.slice(0, -2), quantity.slice(-1)];
  return [`${stem}_lower_${unit}`, `${stem}_upper_${unit}`];
}

/**
 * Return a quantity with its bounds.
 *
 * @param {Object} told A request or a phase of it.
 * @param {string} quantity
 * @param {string} prefix What the names begin with.
 */
function withEnds(told, quantity, prefix) {
  const bounds = told[`${quantity.slice(0, -2)}_interval_${quantity.slice(-1)}`];
  const [lower, upper] = endNames(quantity);
  return {
    [prefix + quantity]: told[quantity],
    [prefix + lower]: bounds === null ? null : bounds.lower,
    [prefix + upper]: bounds === null ? null : bounds.upper,
  };
}

/**
 * Return what is shown of one model as a row.
 *
 * @param {Object} shown With `model`, `told`, `prices`, `answer` and `prompt`: its plans or null.
 * @param {Object} state
 * @param {Object<string, string>} origin What the models came from.
 * @returns {Object<string, string|number|boolean|null>}
 */
function csvRow({ model, told, prices, answer, prompt }, state, origin) {
  const parts = [["", told], ["prefill_", told.prefill], ["decode_", told.decode]];
  const quantities = parts.flatMap(([prefix, part]) => [
    ...CSV_QUANTITIES.map((quantity) => withEnds(part, quantity, prefix)),
    { [`${prefix}power_w`]: part.power_w },
  ]);
  return {
    model: model.model,
    name: model.name,
    device: model.device,
    power_mode: model.power_mode,
    runtime: model.runtime,
    precision: model.precision,
    input_tokens: told.input_tokens,
    output_tokens: told.output_tokens,
    confidence: state.confidence,
    ...Object.assign({}, ...quantities),
    ttft_s: told.ttft_s,
    tpot_s: told.tpot_s,
    output_tokens_per_s: told.output_tokens_per_s,
    output_tokens_per_j: told.output_tokens_per_j,
    power_rail: told.power_rail,
    electricity: told.cost.electricity,
    ownership: told.cost.ownership,
    ...prices,
    extrapolated: told.extrapolated,
    notes: told.notes.join("; "),
    ...planCells(answer, prompt, state),
    ...origin,
  };
}

/** Return what is shown of the plans of a model; nothing without limits. */
function planCells(answer, prompt, state) {
  if (answer === null) return {};
  const limits = Object.entries(state.limits).map(([name, value]) => [`limit_${name}`, value]);
  return {
    ...Object.fromEntries(limits),
    probability: state.probability,
    context_tokens: state.context_tokens,
    longest_answer_tokens: answer.tokens ?? null,
    longest_prompt_tokens: prompt.tokens ?? null,
    longest_answer_ends: answer.refused ?? endingOf(answer),
    longest_prompt_ends: prompt.refused ?? endingOf(prompt),
  };
}
