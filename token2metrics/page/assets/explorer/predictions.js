/** Requests put into words, as `prediction.assemble` does. */

const PHASES = ["prefill", "decode"];

/** Return a number; null for what is unknown, which is not a number. */
const known = (value) => (Number.isNaN(value) ? null : value);

/** Return bounds; null where they are unknown. */
const interval = (lower, upper) => (Number.isNaN(lower) ? null : { lower, upper });

/** Return the quotient; null where a side is unknown or the denominator is zero. */
const ratio = (numerator, denominator) =>
  numerator === null || !denominator ? null : numerator / denominator;

/**
 * Say in which direction a request leaves what was measured of a phase.
 *
 * @param {Object} told The words of the phase.
 * @param {Object<string, number>} counts Tokens by `input_tokens` and `output_tokens`.
 * @returns {string|null}
 */
function extrapolates(told, counts) {
  if (told.unmeasured !== null) return told.unmeasured;
  const outside = told.measured.filter(
    ({ count: name, fewest, most }) => counts[name] < fewest || counts[name] > most,
  );
  const found = outside.map(({ count: name, words }) => `${name} ${counts[name]}${words}`);
  return found.join("; ") || null;
}

/**
 * Say what a phase of a request costs.
 *
 * @param {Object} told The words of the phase.
 * @param {string} phase Its name.
 * @param {Object<string, number>} numbers What the model's function returned.
 * @param {Object<string, number>} counts Tokens of the request.
 * @returns {Object}
 */
function tellPhase(told, phase, numbers, counts) {
  const value = (name) => numbers[`${phase}_${name}`];
  const latency = known(value("latency_s"));
  const lacks = latency === null;
  const works = numbers.extrapolated && latency > 0;
  return {
    latency_s: latency,
    latency_interval_s: interval(value("latency_lower_s"), value("latency_upper_s")),
    energy_j: lacks ? null : known(value("energy_j")),
    energy_interval_j: lacks ? null : interval(value("energy_lower_j"), value("energy_upper_j")),
    power_w: lacks ? null : known(value("power_w")),
    rests_on: lacks ? told.missing : told.rests_on,
    energy_rests_on: lacks ? told.missing : told.energy_rests_on,
    interval_rests_on: lacks ? null : told.interval_rests_on,
    extrapolates: works ? extrapolates(told, counts) : null,
  };
}

/** Return what to know before trusting the numbers of a phase. */
function notesOn(phase, told, part) {
  if (part.latency_s === null) return [`${phase}: ${part.rests_on}, so the request has no total`];
  const notes = part.energy_j === null ? [told.unmetered] : [];
  if (part.extrapolates !== null) notes.push(`${phase} extrapolates: ${part.extrapolates}`);
  return notes;
}

/**
 * Predict one request.
 *
 * @param {Object} model
 * @param {number} inputTokens
 * @param {number} outputTokens
 * @param {Object<string, number>} widths Of its intervals, by `widthsAt`.
 * @param {Object} prices Of its device, by `pricesOn`.
 * @returns {Object} With the names of `prediction.result.Prediction`.
 */
function predict(model, inputTokens, outputTokens, widths, prices) {
  const numbers = model.run(inputTokens, outputTokens, widths);
  const counts = { input_tokens: inputTokens, output_tokens: outputTokens };
  const [prefill, decode] = PHASES.map((phase) =>
    tellPhase(model.phases[phase], phase, numbers, counts),
  );
  const [latency, energy] = [known(numbers.latency_s), known(numbers.energy_j)];
  return {
    ...counts,
    prefill,
    decode,
    latency_s: latency,
    latency_interval_s: interval(numbers.latency_lower_s, numbers.latency_upper_s),
    energy_j: energy,
    energy_interval_j: interval(numbers.energy_lower_j, numbers.energy_upper_j),
    power_w: known(numbers.power_w),
    ttft_s: prefill.latency_s,
    tpot_s: outputTokens > 1 ? ratio(decode.latency_s, outputTokens - 1) : null,
    output_tokens_per_s: ratio(outputTokens, latency),
    output_tokens_per_j: ratio(outputTokens, energy),
    power_rail: model.power_rail,
    cost: priceOf(latency, energy, prices),
    extrapolated: numbers.extrapolated,
    notes: [
      ...notesOn("prefill", model.phases.prefill, prefill),
      ...notesOn("decode", model.phases.decode, decode),
    ],
  };
}

/** Return whether only the energy of decode is known. */
function isDecodeOnly(told) {
  const { decode } = told;
  return told.energy_j === null && decode.energy_j !== null && decode.latency_s > 0;
}

/** Name a device and its conditions. */
function conditionsOf(model) {
  const parts = [model.device, model.power_mode, model.runtime, model.precision];
  return parts.filter(Boolean).join(", ");
}
