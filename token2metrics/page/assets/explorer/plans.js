/** The longest requests that keep limits, as `planning` finds them. */

const LIMITS = {
  latency_s: { words: "latency", write: seconds },
  ttft_s: { words: "TTFT", write: seconds },
  energy_j: { words: "energy", write: joules },
  power_w: { words: "mean power", write: watts },
  cost: { words: "cost per million", write: perMillion },
};
const NEEDING_ENERGY = ["energy_j", "power_w"];

/** Round as Python does, to as many decimals as probabilities have. */
const rounded = (value) => Number(value.toFixed(constants.decimals));

/**
 * Return the highest probability that so many limits can be kept with.
 *
 * @param {number} limits How many, at least one.
 */
const highestProbability = (limits) => 1 - limits * (1 - constants.highestProbability);

/**
 * Return the confidence of intervals whose upper ends hold together with a probability.
 *
 * @param {number} probability That every limit holds.
 * @param {number} limits How many there are.
 * @returns {number|null} null where no interval is offered for it.
 */
function confidenceOf(probability, limits) {
  const asked = rounded(probability);
  const highest = rounded(highestProbability(limits));
  if (!(constants.lowestProbability <= asked && asked <= highest)) return null;
  const shared = rounded(1 - (2 * (1 - asked)) / limits);
  return Math.min(Math.max(shared, constants.lowestConfidence), constants.highestConfidence);
}

/**
 * Return what a request takes at most.
 *
 * @param {Object} model
 * @param {Object<string, number>} widths At the confidence of the plan.
 * @param {Object} prices Of the model's device.
 * @returns {(inputTokens: number, outputTokens: number) => Object<string, number|null>}
 */
function upperBounds(model, widths, prices) {
  return (inputTokens, outputTokens) => {
    const numbers = model.run(inputTokens, outputTokens, widths);
    const latency = numbers.latency_upper_s;
    const energy = known(numbers.most_energy_j);
    return {
      latency_s: latency,
      ttft_s: numbers.prefill_latency_upper_s,
      energy_j: energy,
      power_w: known(Math.max(numbers.prefill_most_power_w, numbers.decode_most_power_w)),
      cost: totalCost(latency, energy, prices),
    };
  };
}

/**
 * Return the limits that a request may break; what is unknown breaks its limit.
 *
 * @param {Object<string, number>} limits Those that are stated, by name.
 * @param {Object<string, number|null>} atMost
 * @returns {Array<{limit: string, excess: number}>}
 */
function brokenBy(limits, atMost) {
  return Object.entries(limits)
    .map(([limit, allowed]) => ({ limit, excess: (atMost[limit] ?? Infinity) - allowed }))
    .filter(({ limit }) => (atMost[limit] ?? Infinity) > limits[limit]);
}

/**
 * Find the most tokens that keep every limit, by bisection: nothing falls as tokens rise.
 *
 * @param {(tokens: number) => boolean} keeps
 * @param {number} most Tokens that are enough.
 * @returns {number} 0 where not even one keeps them.
 */
function mostTokens(keeps, most) {
  let low = 0;
  let high = most;
  while (low < high) {
    const middle = low + Math.ceil((high - low) / 2);
    if (keeps(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/**
 * Say why nothing measured tells about a limit.
 *
 * @param {Object} model
 * @param {Object<string, number>} limits
 * @param {Function} bounds
 * @returns {string|null}
 */
function refusal(model, limits, bounds) {
  const { untold, untold_energy: energy, untold_cost: cost } = model.plan;
  if (untold !== null) return untold;
  if (energy !== null && NEEDING_ENERGY.some((name) => name in limits)) return energy;
  const priced = bounds(constants.shortest, constants.shortest).cost !== null;
  return "cost" in limits && !priced ? cost : null;
}

/**
 * Say why a cap of power cannot be shown to be kept, though no metered phase breaks it.
 *
 * @param {Object} model
 * @param {Object<string, number>} limits
 * @param {Array<{limit: string}>} broken By the shortest request.
 * @param {Object<string, number>} numbers What the model's function says of that request.
 * @returns {string|null}
 */
function unshown(model, limits, broken, numbers) {
  const onlyPower = broken.length === 1 && broken[0].limit === "power_w";
  if (!onlyPower || limits.power_w < model.plan.idle_power_w) return null;
  const metered = PHASES.filter((phase) => model.phases[phase].is_metered);
  const hungry = metered.some((phase) => numbers[`${phase}_most_power_w`] > limits.power_w);
  return hungry ? null : model.plan.unshown;
}

/**
 * Say where a request lies outside the measured range.
 *
 * @param {Object} told The request, predicted.
 * @returns {string[]}
 */
function outsideOf(told) {
  return PHASES.filter((phase) => told[phase].extrapolates !== null).map(
    (phase) => `${phase} extrapolates: ${told[phase].extrapolates}`,
  );
}

/**
 * Plan the longest answer to a prompt, or the longest prompt before an answer.
 *
 * @param {Object} model
 * @param {"input_tokens"|"output_tokens"} sought What is to be as large as possible.
 * @param {number} given Tokens of the other.
 * @param {{limits: Object<string, number>, probability: number, context: number}} demand
 * @param {Object} prices Of the model's device.
 * @returns {Object} With `refused`, in words, where there is no plan; else with the names of
 *     `planning.plan.Plan`.
 */
function planOf(model, sought, given, demand, prices) {
  const { limits, probability, context } = demand;
  const stated = Object.keys(limits).length;
  const confidence = confidenceOf(probability, stated);
  if (confidence === null) return { refused: improbable(probability, stated) };
  if (given > context - constants.shortest) return { refused: noRoom(sought, given, context) };
  const widths = widthsAt(model, confidence);
  const bounds = upperBounds(model, widths, prices);
  const refused = refusal(model, limits, bounds);
  if (refused !== null) return { refused };
  const found = longest(sought, given, demand, bounds);
  const told = predict(model, ...found.request, widths, prices);
  const numbers = model.run(...found.request, widths);
  return {
    ...found,
    ...demand,
    sought,
    given,
    confidence,
    unshown: found.feasible ? null : unshown(model, limits, found.broken, numbers),
    notes: planNotes(model, prices, told),
  };
}

/**
 * Find the longest request, and what ends it.
 *
 * @param {"input_tokens"|"output_tokens"} sought
 * @param {number} given
 * @param {{limits: Object<string, number>, context: number}} demand
 * @param {Function} bounds
 * @returns {Object} Without a token that keeps every limit, about the shortest request.
 */
function longest(sought, given, { limits, context }, bounds) {
  const asked = (tokens) => (sought === "output_tokens" ? [given, tokens] : [tokens, given]);
  const keeps = (tokens) => brokenBy(limits, bounds(...asked(tokens))).length === 0;
  const most = mostTokens(keeps, context - given);
  const feasible = most >= constants.shortest;
  const request = asked(Math.max(most, constants.shortest));
  const atMost = bounds(...request);
  const next = feasible && most < context - given ? bounds(...asked(most + 1)) : null;
  return {
    request,
    feasible,
    tokens: feasible ? most : null,
    ended_by_context: feasible && next === null,
    at_most: atMost,
    next_at_most: next,
    broken: brokenBy(limits, next ?? atMost),
  };
}

/** Return what to know before trusting a plan. */
function planNotes(model, prices, told) {
  const unpriced = prices.device_price === null ? [model.plan.unpriced] : [];
  return [...model.plan.notes, ...unpriced, ...outsideOf(told)];
}

/** Say that no interval is offered for a probability. */
function improbable(probability, limits) {
  const together = limits > 1 ? ` for ${limits} limits together` : "";
  const highest = Number(highestProbability(limits).toPrecision(GENERAL_DIGITS));
  const range = `between ${constants.lowestProbability} and ${highest}${together}`;
  return `expected a probability ${range}, got ${probability}`;
}

/** Say that a prompt or an answer leaves no room in the context. */
function noRoom(sought, given, context) {
  const name = sought === "output_tokens" ? "input_tokens" : "output_tokens";
  return `expected ${name} to leave room in a context of ${context} tokens, got ${given}`;
}

/**
 * Say which request keeps the limits, and how probably.
 *
 * @param {Object} plan
 * @returns {string}
 */
function verdictOf(plan) {
  const how = `with a probability of ${exactPercent(plan.probability)} %`;
  const nothing = plan.unshown === null ? "nothing keeps" : "nothing can be shown to keep";
  if (!plan.feasible) return `${nothing} the limits ${how}`;
  if (plan.sought === "output_tokens") {
    const prompt = counted(plan.given, "input token");
    return `after ${prompt} at most ${counted(plan.tokens, "output token")} ${how}`;
  }
  const answer = counted(plan.given, "output token");
  return `before ${answer} at most ${counted(plan.tokens, "input token")} ${how}`;
}

/**
 * Say what one token more, or the shortest request, would break and by how much.
 *
 * @param {Object} plan
 * @returns {string}
 */
function endingOf(plan) {
  if (plan.ended_by_context) {
    return `no limit ends it, but the context of ${counted(plan.context, "token")}`;
  }
  if (plan.unshown !== null) return `the limit of mean power cannot be shown: ${plan.unshown}`;
  const answer = plan.sought === "output_tokens";
  const shortest = answer
    ? `1 output token after ${counted(plan.given, "input token")}`
    : `1 input token before ${counted(plan.given, "output token")}`;
  const more = `one ${answer ? "output" : "input"} token more`;
  const excesses = plan.broken.map(
    ({ limit, excess }) => `${LIMITS[limit].words} by ${LIMITS[limit].write(excess)}`,
  );
  const subject = plan.feasible ? more : shortest;
  return `${subject} breaks the limit of ${excesses.join(", ")}`;
}
