/** Whether a hop listed in `Via` (RFC 9110 section 7.6.3) goes by `name`, lower case. Comments are skipped, whatever stands in them. */
export function viaNames(value: string, name: string): boolean {
  const list = value.toLowerCase();
  // Nearly every list is settled by not holding the name at all.
  return (
    list.includes(name) &&
    withoutComments(list)
      .split(',')
      .some((member) => member.trim().split(/[ \t]+/)[1] === name)
  );
}

/** Whether `CDN-Loop` (RFC 8586) lists `name`, lower case, with whatever parameters. */
export function cdnLoopNames(value: string, name: string): boolean {
  return value.split(',').some((member) => (member.split(';')[0] ?? '').trim().toLowerCase() === name);
}

function withoutComments(value: string): string {
  if (!value.includes('(')) return value;
  let depth = 0;
  let text = '';
  for (let at = 0; at < value.length; at++) {
    const char = value[at] ?? '';
    if (char === '(') depth++;
    else if (char === ')' && depth > 0) depth--;
    else if (char === '\\' && depth > 0) at++;
    else if (depth === 0) text += char;
  }
  return text;
}
