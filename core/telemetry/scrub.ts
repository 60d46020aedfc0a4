/** What stands in a line in place of a secret. */
export const redacted = '[redacted]';

/** Removes secrets from text on its way to a sink. */
export interface Scrubber {
  /**
   * From now on `value` appears in no scrubbed text, neither plain nor percent-encoded. Meant for every secret when it is loaded.
   * Values under 4 characters are ignored: redacting `a` everywhere would destroy the log and protect nothing.
   */
  add(value: string): void;
  /** The text without secrets; the same string when there was nothing to remove. */
  scrub(text: string): string;
  /**
   * Whether `scrub` might remove something: false is certain, true is a guess. Cheap, and true of a text whenever it is true of a
   * part of it, so that a whole line can be asked once.
   */
  suspects(text: string): boolean;
  /** Length of the longest registered form, in UTF-16 code units, and at least that of a token we recognise by its shape. */
  readonly longest: number;
}

const minRegisteredLength = 4;

/** Enough for anything recognised by shape, were it cut: the rule that needs most context is URL userinfo. */
const longestShape = 512;

/** A few letters of each shape but the last: one cheap look decides for nearly every value. */
const hint = /pt[ls]_|bearer|basic|authorization|@|A[KS]IA/i;

const shapes: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // user:password@host without a scheme, as proxies are written
  [/(^|[\s"'=,(])[^\s"'@:/]{1,256}:[^\s"'@/]{1,512}@(?=[^\s@])/g, `$1${redacted}@`],
  // userinfo (RFC 3986 section 3.2.1), also of a URL whose password holds raw `/`, `?` or `:`
  [/([a-z][a-z0-9+.-]{0,31}:\/\/)[^\s"'<>@]{1,512}(?:@[^\s"'<>@/]{1,512})*@/gi, `$1${redacted}@`],
  [/(^|[^a-z])((?:proxy-)?authorization["']?\s{0,4}[:=]\s{0,4}["']?)[^\r\n"',;]{1,4096}/gi, `$1$2${redacted}`],
  [/\b(bearer|basic)([ :=+]|%20){1,4}[A-Za-z0-9._~+/=%-]{4,4096}/gi, `$1 ${redacted}`],
  [/pt[ls]_[A-Za-z0-9._~-]{1,512}/gi, redacted],
  [/\bA[KS]IA[A-Z0-9]{12,32}/g, redacted],
];

/** AWS secret access key: 40 characters of base64 with upper, lower and digit, so that a hex digest stays readable. */
const awsSecretLength = 40;
const awsSecret =
  /(?<![A-Za-z0-9/+])(?=[A-Za-z0-9/+]{0,39}[A-Z])(?=[A-Za-z0-9/+]{0,39}[a-z])(?=[A-Za-z0-9/+]{0,39}[0-9])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/g;

export function createScrubber(): Scrubber {
  const forms = new Set<string>();
  let registered: RegExp | undefined;
  let shortest = Number.POSITIVE_INFINITY;
  let longest = longestShape;

  return {
    get longest() {
      return longest;
    },
    add(value) {
      if (value.length < minRegisteredLength || forms.has(value)) return;
      for (const form of [value, encodeURIComponent(value.toWellFormed())]) {
        forms.add(form);
        shortest = Math.min(shortest, form.length);
        longest = Math.max(longest, form.length);
      }
      // longest first: of two secrets that begin alike the longer one goes whole
      const alternatives = [...forms]
        .sort((a, b) => b.length - a.length)
        .map((form) => form.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
      registered = new RegExp(alternatives.join('|'), 'g');
    },
    suspects,
    scrub(text) {
      if (!suspects(text)) return text;
      let clean = registered === undefined ? text : text.replace(registered, redacted);
      for (const [pattern, replacement] of shapes) clean = clean.replace(pattern, replacement);
      return clean.length < awsSecretLength ? clean : clean.replace(awsSecret, redacted);
    },
  };

  function suspects(text: string): boolean {
    return hint.test(text) || (text.length >= shortest && text.search(registered ?? hint) !== -1) || hasLongRun(text);
  }
}

/**
 * Whether 40 characters of base64 stand in a row. Looks at every 40th and goes back from there as far as it must: most text is never looked at.
 * A regular expression takes fifty times as long.
 */
function hasLongRun(text: string): boolean {
  // none of the characters up to here begins a run
  let before = -1;
  for (let last = awsSecretLength - 1; last < text.length; last = before + awsSecretLength) {
    let at = last;
    while (at > before && isBase64(text.charCodeAt(at))) at--;
    if (at === before) return true;
    before = at;
  }
  return false;
}

function isBase64(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 47 && code <= 57) || code === 43;
}

const sensitiveName =
  /(?:^|[._-])(?:authorization|cookie|password|passwd|secret|token|api[._-]?key|credentials?|private[._-]?key)$/i;

/** Whether an attribute of this name is redacted whatever it holds: `http.request.header.authorization`, `upstream.password`. */
export function isSensitiveName(name: string): boolean {
  return sensitiveName.test(name);
}
