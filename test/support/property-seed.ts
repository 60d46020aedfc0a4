import fc from 'fast-check';

/**
 * `PROPERTY_SEED`, a whole number, is where the random values of the property tests begin. Without it each run begins elsewhere, which is
 * how they find what nobody thought of. CI judges a change, so it sets one: what a new seed finds is no fault of the change at hand.
 */
const chosen = process.env['PROPERTY_SEED'];
if (chosen !== undefined) {
  const seed = Number(chosen);
  if (!Number.isSafeInteger(seed)) throw new Error(`PROPERTY_SEED is no whole number: ${chosen}`);
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
}
