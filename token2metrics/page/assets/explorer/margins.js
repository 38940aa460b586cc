/** Half-widths of intervals at any confidence, as `intervals.Margin` finds them. */

const CENTRAL = 0.425;
const CENTRAL_SQUARE = 0.180625;
const TAIL_SHIFT = 1.6;
const CENTRAL_ABOVE = [
  2.50908092873012267270e3, 3.34305755835881281050e4, 6.72657709270087008530e4,
  4.59219539315498714570e4, 1.37316937655094611250e4, 1.97159095030655144270e3,
  1.33141667891784377450e2, 3.38713287279636660800e0,
];
const CENTRAL_BELOW = [
  5.22649527885285456100e3, 2.87290857357219426740e4, 3.93078958000927106100e4,
  2.12137943015865958670e4, 5.39419602142475110770e3, 6.87187007492057908300e2,
  4.23133307016009112520e1, 1.0,
];
const TAIL_ABOVE = [
  7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
  1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
  4.63033784615654529590e0, 1.42343711074968357734e0,
];
const TAIL_BELOW = [
  1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
  1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
  2.05319162663775882187e0, 1.0,
];

/** Evaluate a polynomial, its highest coefficient first. */
const polynomial = (coefficients, value) =>
  coefficients.reduce((sum, coefficient) => sum * value + coefficient);

/**
 * Return the half-width of a standard normal interval.
 *
 * By M. J. Wichura's algorithm AS 241 (Applied Statistics 37, 1988), as Python's
 * `statistics.NormalDist`; its far tail, beyond confidences of 0.9999, is left out.
 *
 * @param {number} confidence From 0 to 0.9999.
 * @returns {number}
 */
function normalHalfWidth(confidence) {
  const probability = (1 + confidence) / 2;
  const off = probability - 0.5;
  if (off <= CENTRAL) {
    const near = CENTRAL_SQUARE - off * off;
    return (polynomial(CENTRAL_ABOVE, near) * off) / polynomial(CENTRAL_BELOW, near);
  }
  const far = Math.sqrt(-Math.log(1 - probability)) - TAIL_SHIFT;
  return polynomial(TAIL_ABOVE, far) / polynomial(TAIL_BELOW, far);
}

/**
 * Return the half-width of a margin at a confidence, interpolated along normal quantiles.
 *
 * @param {{confidences: number[], half_widths: number[]}} margin
 * @param {number} confidence From the margin's lowest to its highest.
 * @returns {number}
 */
function halfWidthAt(margin, confidence) {
  const { confidences, half_widths: widths } = margin;
  const above = Math.max(1, confidences.findIndex((one) => one >= confidence));
  if (confidences[above] === confidence) return widths[above];
  const [low, high] = [confidences[above - 1], confidences[above]];
  const start = normalHalfWidth(low);
  const share = (normalHalfWidth(confidence) - start) / (normalHalfWidth(high) - start);
  return widths[above - 1] + Math.min(Math.max(share, 0), 1) * (widths[above] - widths[above - 1]);
}

/**
 * Return what a model's function is told of a confidence.
 *
 * @param {Object} model
 * @param {number} confidence
 * @returns {Object<string, number>} Half-widths by input.
 */
function widthsAt(model, confidence) {
  const told = constants.widths.map((name) => {
    const margin = model.margins[name];
    return [name, margin === undefined ? 0 : halfWidthAt(margin, confidence)];
  });
  return Object.fromEntries(told);
}
