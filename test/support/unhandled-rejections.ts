import { afterAll, beforeAll } from 'vitest';

/** What nobody caught in this process while the tests of this file ran, so far. */
export function unhandledRejections(): readonly unknown[] {
  const rejections: unknown[] = [];
  const note = (reason: unknown): void => void rejections.push(reason);
  beforeAll(() => void process.on('unhandledRejection', note));
  afterAll(() => void process.off('unhandledRejection', note));
  return rejections;
}
