/**
 * The time limit, in milliseconds, of a test whose input is so large that work growing with its square would take minutes.
 * No measure of speed, which a busy machine would spoil: linear work needs less than a hundredth of it.
 */
export const squaredTakesLonger = 20_000;
