import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closest } from '../../../core/config/closest.ts';

describe('the closest known name', () => {
  const known = ['sessions', 'secrets', 'pools', 'gateway', 'signingSecret'];

  it.each([
    ['session', 'sessions'],
    ['Pools', 'pools'],
    ['pool', 'pools'],
    ['gatway', 'gateway'],
    ['signingsecret', 'signingSecret'],
    ['singingSecret', 'signingSecret'],
    ['secrtes', 'secrets'],
  ])('to %s is %s', (name, meant) => {
    expect(closest(name, known)).toBe(meant);
  });

  it.each(['x', '', 'completely-different', '__proto__', 'p'.repeat(100_000)])('to %.30s is none', (name) => {
    expect(closest(name, known)).toBeUndefined();
  });

  it('is the name itself when it is known, and always a known one', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ minLength: 1, maxLength: 10 }), { minLength: 1, selector: (name) => name.toLowerCase() }),
        fc.string(),
        (names, other) => {
          expect(closest(names[0] ?? '', names)).toBe(names[0]);
          expect([...names, undefined]).toContain(closest(other, names));
        },
      ),
    );
  });
});
