/** What a request costs in money, as `prediction.money` counts it. */

/**
 * Return the prices of a model's device; what nobody typed is as configured.
 *
 * @param {Object} model
 * @param {{price_per_kwh: number, device_price: number|null, lifetime_years: number|null}} typed
 * @returns {{price_per_kwh: number, device_price: number|null, lifetime_years: number}}
 */
function pricesOn(model, typed) {
  return {
    price_per_kwh: typed.price_per_kwh,
    device_price: typed.device_price ?? model.device_price,
    lifetime_years: typed.lifetime_years ?? model.lifetime_years,
  };
}

/**
 * Turn energy and occupied seconds into money.
 *
 * @param {number|null} latencyS
 * @param {number|null} energyJ
 * @param {Object} prices
 * @returns {{electricity: number|null, ownership: number|null}}
 */
function priceOf(latencyS, energyJ, prices) {
  const kwh = energyJ === null ? null : energyJ / constants.joulesPerKwh;
  const worn = latencyS !== null && prices.device_price !== null;
  const lifetimeS = prices.lifetime_years * constants.secondsPerYear;
  return {
    electricity: kwh === null ? null : kwh * prices.price_per_kwh,
    ownership: worn ? (latencyS / lifetimeS) * prices.device_price : null,
  };
}

/**
 * Return the money for electricity, where it costs anything, and for wear, where it is known.
 *
 * @param {number|null} latencyS
 * @param {number|null} energyJ
 * @param {Object} prices
 * @returns {number|null} Nothing known of either, or of electricity that costs: null.
 */
function totalCost(latencyS, energyJ, prices) {
  if (energyJ === null && prices.price_per_kwh > 0) return null;
  const { electricity, ownership } = priceOf(latencyS, energyJ, prices);
  const known = [electricity, ownership].filter((part) => part !== null);
  return known.length ? known.reduce((sum, part) => sum + part, 0) : null;
}
