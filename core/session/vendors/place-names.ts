/** ISO 3166-1 alpha-2, the officially assigned codes, without separators (https://www.iso.org/iso-3166-country-codes.html). */
const countries =
  'ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZ' +
  'DEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJP' +
  'KEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOM' +
  'PAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZ' +
  'UAUGUMUSUYUZVAVCVEVGVIVNVUWFWSYEYTZAZMZW';

/** States of the United States and its district by ISO 3166-2 code: vendors want one form or the other. */
const usStates: Readonly<Record<string, string>> = {
  AL: 'Alabama',
  AK: 'Alaska',
  AZ: 'Arizona',
  AR: 'Arkansas',
  CA: 'California',
  CO: 'Colorado',
  CT: 'Connecticut',
  DE: 'Delaware',
  DC: 'District of Columbia',
  FL: 'Florida',
  GA: 'Georgia',
  HI: 'Hawaii',
  ID: 'Idaho',
  IL: 'Illinois',
  IN: 'Indiana',
  IA: 'Iowa',
  KS: 'Kansas',
  KY: 'Kentucky',
  LA: 'Louisiana',
  ME: 'Maine',
  MD: 'Maryland',
  MA: 'Massachusetts',
  MI: 'Michigan',
  MN: 'Minnesota',
  MS: 'Mississippi',
  MO: 'Missouri',
  MT: 'Montana',
  NE: 'Nebraska',
  NV: 'Nevada',
  NH: 'New Hampshire',
  NJ: 'New Jersey',
  NM: 'New Mexico',
  NY: 'New York',
  NC: 'North Carolina',
  ND: 'North Dakota',
  OH: 'Ohio',
  OK: 'Oklahoma',
  OR: 'Oregon',
  PA: 'Pennsylvania',
  RI: 'Rhode Island',
  SC: 'South Carolina',
  SD: 'South Dakota',
  TN: 'Tennessee',
  TX: 'Texas',
  UT: 'Utah',
  VT: 'Vermont',
  VA: 'Virginia',
  WA: 'Washington',
  WV: 'West Virginia',
  WI: 'Wisconsin',
  WY: 'Wyoming',
};

/** Whether ISO 3166-1 assigns this code; two upper-case letters. */
export function isCountry(code: string): boolean {
  let at = countries.indexOf(code);
  // At an odd place it is the end of one code and the start of the next.
  while (at % 2 === 1) at = countries.indexOf(code, at + 1);
  return at >= 0 && code.length === 2;
}

const placeName = /^[A-Za-z0-9 .'-]+$/;

/**
 * The words of a place name, letters and digits only: accents go, `St. John's` is `St Johns`, a hyphen parts words. `undefined` for a name
 * with anything but letters, digits, space, `-`, `'` and `.`, without a letter or digit, or over 64 characters.
 */
export function placeWords(name: string): readonly string[] | undefined {
  if (name.length > 64) return undefined;
  const plain = placeName.test(name) ? name : name.normalize('NFD').replace(/\p{M}/gu, '');
  if (!placeName.test(plain)) return undefined;
  const words = plain
    .replace(/[.']/g, '')
    .split(/[ -]/)
    .filter((word) => word !== '');
  return words.length === 0 ? undefined : words;
}

/** The name of a state of the United States by its code, any case. */
export function usStateName(code: string): string | undefined {
  const upper = code.toUpperCase();
  return Object.hasOwn(usStates, upper) ? usStates[upper] : undefined;
}

/** The code of a state of the United States by the words of its name, any case. */
export function usStateCode(words: readonly string[]): string | undefined {
  const name = words.join(' ').toLowerCase();
  return Object.keys(usStates).find((code) => usStates[code]?.toLowerCase() === name);
}
