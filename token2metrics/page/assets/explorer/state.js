/** What a reader has chosen, and the link that holds it. */

const LINK = "#explorer?";
const CONDITIONS = ["device", "power_mode", "runtime", "precision"];
const MOST_AT_FIRST = 3;
const FIRST_INPUT_TOKENS = 512;
const FIRST_OUTPUT_TOKENS = 128;
const POSITIVE = { above: 0 };

/** Every number that can be typed: its words, its range and what it is at first. */
const FIELDS = {
  input_tokens: {
    words: "input tokens",
    whole: true,
    least: 0,
    most: constants.maxTokens,
    first: FIRST_INPUT_TOKENS,
  },
  output_tokens: {
    words: "output tokens",
    whole: true,
    least: 0,
    most: constants.maxTokens,
    first: FIRST_OUTPUT_TOKENS,
  },
  confidence: {
    words: "confidence",
    least: constants.lowestConfidence,
    most: constants.highestConfidence,
    first: constants.defaultConfidence,
  },
  price_per_kwh: { words: "price per kWh", least: 0, first: constants.defaultPricePerKwh },
  device_price: { words: "device price", least: 0, first: null },
  lifetime_years: { words: "lifetime in years", ...POSITIVE, first: null },
  probability: {
    words: "probability",
    least: constants.lowestProbability,
    most: constants.highestProbability,
    first: constants.defaultProbability,
  },
  context_tokens: {
    words: "context in tokens",
    whole: true,
    least: constants.fewestContextTokens,
    most: constants.maxTokens,
    first: constants.defaultContextTokens,
  },
};

/** What limits are called in links and fields. */
const LIMIT_FIELDS = Object.fromEntries(
  Object.entries(LIMITS).map(([name, { words }]) => [
    `max_${name}`,
    { words: `limit of ${name === "cost" ? "cost" : words}`, ...POSITIVE, first: null },
  ]),
);
const EVERY_FIELD = { ...FIELDS, ...LIMIT_FIELDS };

/** Say which numbers a field takes. */
function expectation({ words, whole: isWhole, least, most, above }) {
  const kind = isWhole ? "a whole number" : "a number";
  if (above !== undefined) return `expected ${words} to be ${kind} above ${above}`;
  const range = most === undefined ? `of at least ${least}` : `${least}..${most}`;
  return `expected ${words} to be ${kind} ${range}`;
}

/** Return whether a field takes a number. */
function isAllowed(value, { whole: isWhole, least = -Infinity, most = Infinity, above }) {
  const kind = isWhole ? Number.isInteger(value) : Number.isFinite(value);
  return kind && value >= least && value <= most && (above === undefined || value > above);
}

/**
 * Read what was typed into a field.
 *
 * @param {string} name Of the field.
 * @param {string} text
 * @returns {{value: number|null, problem: string|null}} The first value where there is a problem.
 */
function readField(name, text) {
  const field = EVERY_FIELD[name];
  const typed = text.trim();
  if (typed === "" && field.first === null) return { value: null, problem: null };
  const value = typed === "" ? NaN : Number(typed);
  if (isAllowed(value, field)) return { value, problem: null };
  return { value: field.first, problem: `${expectation(field)}, got ${typed || "nothing"}` };
}

/**
 * Put typed numbers into a state.
 *
 * @param {Object<string, number|null>} values By field.
 * @param {Object<string, string>} conditions Chosen conditions; an empty text is any.
 * @param {string[]} chosen Identifiers of models.
 * @returns {Object}
 */
function stateOf(values, conditions, chosen) {
  const limits = Object.keys(LIMITS)
    .map((name) => [name, values[`max_${name}`]])
    .filter(([, value]) => value !== null);
  const plain = Object.keys(FIELDS).map((name) => [name, values[name]]);
  return { ...Object.fromEntries(plain), limits: Object.fromEntries(limits), conditions, chosen };
}

/** Return the models that fit the conditions of a state. */
function fitting(state) {
  return models.filter((model) =>
    CONDITIONS.every((name) => !state.conditions[name] || model[name] === state.conditions[name]),
  );
}

/** Return the chosen models, those that fit the conditions. */
const chosenModels = (state) =>
  fitting(state).filter((model) => state.chosen.includes(model.identifier));

/** Return what is shown at first. */
function firstState() {
  const values = Object.entries(EVERY_FIELD).map(([name, { first }]) => [name, first]);
  const anywhere = Object.fromEntries(CONDITIONS.map((name) => [name, ""]));
  const chosen = models.slice(0, MOST_AT_FIRST).map((model) => model.identifier);
  return stateOf(Object.fromEntries(values), anywhere, chosen);
}

/** Return the numbers of a state by field. */
function valuesOf(state) {
  const limits = Object.keys(LIMITS).map((name) => [`max_${name}`, state.limits[name] ?? null]);
  const plain = Object.keys(FIELDS).map((name) => [name, state[name]]);
  return Object.fromEntries([...plain, ...limits]);
}

/**
 * Return the fragment of a link that holds a state, shortly: what is as at first is left out.
 *
 * @param {Object} state
 * @returns {string}
 */
function fragmentOf(state) {
  const told = new URLSearchParams();
  const values = valuesOf(state);
  for (const identifier of state.chosen) told.append("model", identifier);
  for (const name of CONDITIONS) if (state.conditions[name]) told.set(name, state.conditions[name]);
  for (const [name, { first }] of Object.entries(EVERY_FIELD)) {
    if (values[name] !== first) told.set(name, String(values[name] ?? ""));
  }
  return `${LINK}${told}`;
}

/**
 * Read the fragment of a link.
 *
 * @param {string} fragment
 * @returns {{state: Object, problems: string[]}|null} null where it is none of the explorer's.
 */
function stateFrom(fragment) {
  if (!fragment.startsWith(LINK)) return null;
  const told = new URLSearchParams(fragment.slice(LINK.length));
  const first = firstState();
  const problems = [];
  const values = { ...valuesOf(first) };
  for (const name of Object.keys(EVERY_FIELD)) {
    if (!told.has(name)) continue;
    const { value, problem } = readField(name, told.get(name));
    values[name] = value;
    if (problem !== null) problems.push(problem);
  }
  const conditions = Object.fromEntries(
    CONDITIONS.map((name) => [name, knownCondition(name, told.get(name) ?? "", problems)]),
  );
  const chosen = told.has("model") ? knownModels(told.getAll("model"), problems) : first.chosen;
  return { state: stateOf(values, conditions, chosen), problems };
}

/** Return a condition that some model has; any for another. */
function knownCondition(name, value, problems) {
  if (value === "" || models.some((model) => model[name] === value)) return value;
  problems.push(`no model here has the ${name.replace("_", " ")} ${value}`);
  return "";
}

/** Return the identifiers that are models here. */
function knownModels(identifiers, problems) {
  const here = new Set(models.map((model) => model.identifier));
  const unknown = identifiers.filter((one) => !here.has(one));
  problems.push(...unknown.map((one) => `no model here is called ${one}`));
  return identifiers.filter((one) => here.has(one));
}
