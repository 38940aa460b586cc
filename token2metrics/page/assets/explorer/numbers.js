/**
 * Numbers for the eye, letter for letter as `predict` writes them: three significant digits and the
 * unit that suits them.
 */

const UNKNOWN = "-";
const WHOLE_FROM = 100;
const SIGNIFICANT_DIGITS = 3;
const SMALLEST_FIXED_EXPONENT = -4;
const EXACT_DIGITS = 80;
const WIDE_WHOLE_NUMBER = 1e21;
const SMALLEST_LEGIBLE_PRICE = 0.1;
const SHARES_PER_ONE = 100;
const GENERAL_DIGITS = 6;

const TIME = [[3600, "h"], [1, "s"], [1e-3, "ms"], [1e-6, "µs"]];
const ENERGY = [[1e6, "MJ"], [1e3, "kJ"], [1, "J"], [1e-3, "mJ"]];
const POWER = [[1e3, "kW"], [1, "W"], [1e-3, "mW"]];
const PER_REQUESTS = [
  [1, "per request"],
  [1e3, "per thousand requests"],
  [1e6, "per million requests"],
];
const A_MILLION = 1e6;

/**
 * Write a whole number with commas between its thousands.
 *
 * @param {string} whole Its digits.
 * @returns {string}
 */
function grouped(whole) {
  return whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/**
 * Write a number without a fraction; halves go to the even neighbour.
 *
 * @param {number} value At least 0.
 * @returns {string}
 */
function whole(value) {
  if (value === Infinity) return "inf";
  if (value >= WIDE_WHOLE_NUMBER) return grouped(String(BigInt(value)));
  const below = Math.floor(value);
  const isTie = value - below === 0.5;
  return grouped(isTie ? String(below + (below % 2)) : value.toFixed(0));
}

/**
 * Round to significant digits; what lies exactly between two goes to the even one.
 *
 * @param {number} value Above 0.
 * @returns {{digits: string, exponent: number}} Without a point, and the exponent of the first.
 */
function significant(value) {
  const [mantissa, power] = value.toExponential(EXACT_DIGITS).split("e");
  const exact = mantissa.replace(".", "");
  const kept = exact.slice(0, SIGNIFICANT_DIGITS);
  const isTie = /^50*$/.test(exact.slice(SIGNIFICANT_DIGITS));
  if (isTie && Number(kept) % 2 === 0) return { digits: kept, exponent: Number(power) };
  const [rounded, exponent] = value.toExponential(SIGNIFICANT_DIGITS - 1).split("e");
  return { digits: rounded.replace(".", ""), exponent: Number(exponent) };
}

/**
 * Write a number below a hundred with three significant digits.
 *
 * @param {number} value Above 0.
 * @returns {string}
 */
function threeDigits(value) {
  const { digits: found, exponent } = significant(value);
  if (exponent < SMALLEST_FIXED_EXPONENT) {
    const power = String(-exponent).padStart(2, "0");
    return `${found[0]}.${found.slice(1)}e-${power}`;
  }
  if (exponent < 0) return `0.${"0".repeat(-exponent - 1)}${found}`;
  const after = found.slice(exponent + 1);
  return after ? `${found.slice(0, exponent + 1)}.${after}` : found;
}

/**
 * Write a number of at least 0 with three significant digits.
 *
 * @param {number|null} value
 * @returns {string}
 */
function digits(value) {
  if (value === null) return UNKNOWN;
  if (value >= WHOLE_FROM) return whole(value);
  return value === 0 ? "0.00" : threeDigits(value);
}

/**
 * Write a quantity in the largest unit of a scale that it reaches.
 *
 * @param {number|null} value
 * @param {Array<[number, string]>} scale Units with their size, the largest first.
 * @returns {string}
 */
function inUnit(value, scale) {
  if (value === null) return UNKNOWN;
  if (value === 0) return `0 ${scale.find(([size]) => size === 1)[1]}`;
  const [size, unit] = scale.find(([least]) => value >= least) ?? scale[scale.length - 1];
  return `${digits(value / size)} ${unit}`;
}

const seconds = (value) => inUnit(value, TIME);
const joules = (value) => inUnit(value, ENERGY);
const watts = (value) => inUnit(value, POWER);
const perMillion = (value) => digits(value === null ? null : value * A_MILLION);

/**
 * Write the price of a request, of a thousand or of a million, whichever is legible.
 *
 * @param {number|null} value
 * @returns {string}
 */
function money(value) {
  if (value === null) return UNKNOWN;
  const legible = PER_REQUESTS.find(([count]) => value * count >= SMALLEST_LEGIBLE_PRICE);
  const [count, words] = legible ?? PER_REQUESTS[PER_REQUESTS.length - 1];
  return `${digits(value * count)} ${words}`;
}

/**
 * Write an interval; a dash where there is none.
 *
 * @param {(value: number|null) => string} unit
 * @param {{lower: number, upper: number}|null} interval
 * @returns {string}
 */
function between(unit, interval) {
  return interval === null ? UNKNOWN : `${unit(interval.lower)} .. ${unit(interval.upper)}`;
}

/** Write a share as whole percents. */
const percent = (share) => `${whole(share * SHARES_PER_ONE)}%`;

/** Write a share as percents, with what digits it has. */
const exactPercent = (share) =>
  String(Number((share * SHARES_PER_ONE).toPrecision(GENERAL_DIGITS)));

/** Write a count of tokens. */
const count = (tokens) => grouped(String(tokens));

/** Write a count with its noun in the right number. */
const counted = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
