let isQuiet = false;

/** Outside the platform the library of Azure says at each use that it is in its test mode. From here on it does not; other warnings are shown as ever. */
export function quietTestMode(): void {
  if (isQuiet) return;
  isQuiet = true;
  const { warn } = console;
  console.warn = (...told: unknown[]) => {
    if (!/"@azure\/functions" package (?:is in|to) test mode/.test(String(told[0]))) warn.apply(console, told);
  };
}
