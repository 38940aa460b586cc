/** What charts show: how requests change with tokens. */

const POINTS = 81;
const BEYOND = 1.25;
const LEAST_SPAN = 64;
const HEADROOM = 1.5;
const CURVES = {
  answer_latency: { tokens: "output_tokens", of: ["latency_s"], limit: "latency_s" },
  prompt_latency: { tokens: "input_tokens", of: ["prefill_latency_s"], limit: "ttft_s" },
  answer_energy: {
    tokens: "output_tokens",
    of: ["energy_j", "decode_energy_j"],
    limit: "energy_j",
  },
  answer_power: { tokens: "output_tokens", of: ["power_w", "decode_power_w"], limit: "power_w" },
};

/**
 * Return the lengths of a chart: from 1 over what was asked and what was measured.
 *
 * @param {Object[]} shown The models.
 * @param {string} tokens Which count.
 * @param {number} asked What was asked of it.
 * @returns {number[]} Whole, ascending.
 */
function lengths(shown, tokens, asked) {
  const ranges = shown.flatMap((model) => PHASES.flatMap((phase) => model.phases[phase].measured));
  const measured = ranges.filter(({ count: name }) => name === tokens).map(({ most }) => most);
  const most = Math.min(
    Math.ceil(Math.max(LEAST_SPAN, asked * BEYOND, ...measured)),
    constants.maxTokens,
  );
  const steps = Array.from({ length: POINTS }, (_, place) =>
    Math.round(1 + ((most - 1) * place) / (POINTS - 1)),
  );
  return [...new Set(steps)];
}

/** Name the bounds of a result of a model's function; none of the power of a request. */
function boundsIn(numbers, name) {
  const [lower, upper] = endNames(name).map((end) => numbers[end]);
  return { lower: lower ?? numbers[name], upper: upper ?? numbers[name] };
}

/**
 * Return the rows of a chart.
 *
 * @param {string} name Of the chart, in `CURVES`.
 * @param {Array<{model: Object, label: string, widths: Object}>} shown
 * @param {Object} state
 * @returns {Object[]} With `series`, `tokens`, `quantity`, `value`, `lower` and `upper`.
 */
function curveRows(name, shown, state) {
  const { tokens, of } = CURVES[name];
  const counts = lengths(shown.map(({ model }) => model), tokens, state[tokens]);
  return shown.flatMap(({ model, label: series, widths }) => {
    const at = (length) => {
      const asked = { ...state, [tokens]: length };
      return model.run(asked.input_tokens, asked.output_tokens, widths);
    };
    const atMost = at(counts[counts.length - 1]);
    const quantity = of.find((one) => !Number.isNaN(atMost[one]));
    if (quantity === undefined) return [];
    return counts.flatMap((length) => curvePoint(series, length, quantity, at(length)));
  });
}

/** Return a row of a chart; none where nothing is known. */
function curvePoint(series, tokens, quantity, numbers) {
  const value = numbers[quantity];
  if (Number.isNaN(value)) return [];
  return [{ series, tokens, quantity, value, ...boundsIn(numbers, quantity) }];
}

/** Return a row that draws nothing, and keeps a series in its place among the others. */
const standIn = (series) => ({ series, tokens: 1, value: 0, lower: 0, upper: 0 });

/**
 * Return the data of a chart by the names of its data sets.
 *
 * A limit far above every curve is not drawn, for it would press them flat.
 *
 * @param {string} name Of the chart.
 * @param {Object[]} rows Its rows.
 * @param {Object[]} shown
 * @param {Object} state
 */
function chartData(name, rows, shown, state) {
  const { tokens, limit } = CURVES[name];
  const most = Math.max(...rows.map(({ upper }) => upper));
  const allowed = state.limits[limit];
  const isNear = allowed !== undefined && allowed <= most * HEADROOM;
  return {
    curve: shown.flatMap(({ label }) => {
      const own = rows.filter(({ series }) => series === label);
      return own.length ? own : [standIn(label)];
    }),
    asked: [{ tokens: state[tokens] }],
    limit: [isNear ? { value: allowed, opacity: 1 } : { value: 0, opacity: 0 }],
  };
}
