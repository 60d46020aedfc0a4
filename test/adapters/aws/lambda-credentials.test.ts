import { afterEach, describe, expect, it, vi } from 'vitest';
import { defaultProvider } from '../../../adapters/aws/lambda-credentials.ts';
import { commonCodes, toPortError } from '../../../adapters/aws/to-port-error.ts';

describe("the AWS bundle's credentials", () => {
  afterEach(() => vi.unstubAllEnvs());

  it("are the role's, from the environment as Lambda sets it", async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'id');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'key');
    vi.stubEnv('AWS_SESSION_TOKEN', 'token');
    expect(await defaultProvider()()).toEqual({ accessKeyId: 'id', secretAccessKey: 'key', sessionToken: 'token' });
  });

  it('need no session token, for emulators', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'id');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'key');
    vi.stubEnv('AWS_SESSION_TOKEN', undefined);
    expect(await defaultProvider()()).toEqual({ accessKeyId: 'id', secretAccessKey: 'key' });
  });

  it.each(['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'])(
    'without %s fail as unauthenticated, and say what is missing',
    async (missing) => {
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'id');
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'key');
      vi.stubEnv(missing, undefined);
      const failure = await defaultProvider()().catch((error: unknown) => error);
      expect((failure as Error).message).toContain(missing);
      expect(toPortError(failure, 'key-value-store.get', commonCodes).code).toBe('unauthenticated');
    },
  );
});
