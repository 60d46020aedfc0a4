interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/**
 * In the AWS bundle this stands in for `@aws-sdk/credential-provider-node`, the SDK's search through environment, profiles, single sign-on,
 * login, processes, web identity and instance metadata. A Lambda function has its role's credentials in the environment, always
 * (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime), and the search is a third of the
 * SDK's bytes and loads `node:http`, and with it Node's own fetch, at every start.
 *
 * @throws {Error} `CredentialsProviderError`, by the call that needs credentials: the environment has none
 */
export function defaultProvider(): () => Promise<Credentials> {
  return async () => {
    const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = process.env;
    if (!accessKeyId || !secretAccessKey) {
      const error = new Error(
        'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set: this bundle takes credentials from nowhere else',
      );
      error.name = 'CredentialsProviderError';
      throw error;
    }
    return sessionToken ? { accessKeyId, secretAccessKey, sessionToken } : { accessKeyId, secretAccessKey };
  };
}
