/** Ways to write a dot and a slash that some reader somewhere has understood. */
const dots = [
  '.',
  '%2e',
  '%2E',
  '%252e',
  '%252E',
  '%25252e',
  '%%32%65',
  '%25%32%65',
  '%c0%ae',
  '%e0%80%ae',
  '%c0%2e',
  '%u002e',
  '.%00',
  '.%09',
];
const slashes = [
  '/',
  '\\',
  '%2f',
  '%2F',
  '%5c',
  '%5C',
  '%252f',
  '%255c',
  '%25252f',
  '%%32%66',
  '%25%35%63',
  '%c0%af',
  '%e0%80%af',
  '%c1%9c',
];
const odd = ['//', '/./', ';/', ';x=y/', '%3b/', '%00/', '%20/', '/;/', '?/', '%3f/', '%23/', '/%2e/', '%u2215'];
const goals = ['', 'admin', 'etc/passwd'];

/** Path suffixes that try to leave the folder they are put in. */
export function traversals(): readonly string[] {
  const all = new Set<string>();
  for (const first of dots) {
    for (const second of dots) {
      for (const slash of [...slashes, ...odd]) {
        const up = first + second + slash;
        for (const goal of goals) {
          all.add(up + up + goal);
          all.add(`x/${up}${up}${up}${goal}`);
        }
        all.add(`x${slash}${up}${up}..`);
        all.add(slash + up + up);
      }
    }
  }
  return [...all];
}

/**
 * The paths that readers of different habits make of one: decoding it never, once, or several times, strictly or not; a backslash for a slash; a
 * segment that ends at its parameter; a path that ends at a decoded query, fragment or NUL; blanks dropped. Then dot segments are
 * removed as in RFC 3986 section 5.2.4.
 */
export function lenientPaths(target: string): readonly string[] {
  const found = new Set<string>();
  let path = target.split('?')[0]!;
  for (let rounds = 0; rounds <= 4; rounds++) {
    for (const wide of [path, overlong(path)]) {
      for (const slashed of [wide, wide.replaceAll('\\', '/')]) {
        for (const ended of [slashed, slashed.split(/[?#\0]/)[0]!, slashed.replace(/[?#\0][^/]*/g, '')]) {
          for (const bare of [ended, ended.replace(/;[^/]*/g, '')]) {
            for (const tight of [bare, bare.replace(/[\0-\x20]/g, '')]) found.add(withoutDotSegments(tight));
          }
        }
      }
    }
    path = path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
  return [...found];
}

function overlong(path: string): string {
  return path
    .replace(/\xc0(.)/gs, (_, octet: string) => String.fromCharCode(octet.charCodeAt(0) & 0x3f))
    .replace(/\xc1(.)/gs, (_, octet: string) => String.fromCharCode(0x40 | (octet.charCodeAt(0) & 0x3f)))
    .replace(/\xe0\x80(.)/gs, (_, octet: string) => String.fromCharCode(octet.charCodeAt(0) & 0x3f));
}

function withoutDotSegments(path: string): string {
  const kept: string[] = [];
  const segments = path.split('/').slice(1);
  for (const [at, segment] of segments.entries()) {
    const last = at === segments.length - 1;
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
    if (last && (segment === '.' || segment === '..')) kept.push('');
  }
  return `/${kept.join('/')}`;
}
