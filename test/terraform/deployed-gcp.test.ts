import { loadSync } from '@grpc/proto-loader';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { block } from '../../.build/terraform/rules/rule.ts';
import type { Values } from '../../.build/terraform/rules/rule.ts';
import { FirestoreStore } from '../../adapters/gcp/firestore-store.ts';
import { fakeSecretManager } from '../support/gcp/fake-secret-manager.ts';
import type { FakeSecretManager } from '../support/gcp/fake-secret-manager.ts';
import { serveFunction } from '../support/gcp/functions-framework.ts';
import type { ServedFunction } from '../support/gcp/functions-framework.ts';
import { startGrpcRecorder } from '../support/gcp/grpc-recorder.ts';
import type { GrpcRecorder, RecordedCall } from '../support/gcp/grpc-recorder.ts';
import { signingFrontDoor } from '../support/gcp/signing-front-door.ts';
import { runSessionScenario, sessionSteps } from '../e2e/session-scenario.ts';
import { canPlan, onlyResource, planDeployment, resourcesOf } from './deployment.ts';
import type { Deployment } from './deployment.ts';
import { runStoreConformance } from './store-conformance.ts';

const firestore = inject('emulators').firestore;

/**
 * What the predefined roles allow on records and secrets, as Google tells it (https://cloud.google.com/iam/docs/roles-permissions/datastore
 * and /secretmanager). The first also allows reading about the database (indexes, namespaces, statistics) and allocating ids, of no
 * record; there is no narrower one that writes.
 */
const roles: Readonly<Record<string, readonly string[]>> = {
  'roles/datastore.user': ['create', 'delete', 'get', 'list', 'update'].map((verb) => `datastore.entities.${verb}`),
  'roles/secretmanager.secretAccessor': ['secretmanager.versions.access'],
};

describe.runIf(canPlan && firestore !== undefined)('what terraform/gcp deploys', () => {
  let deployment: Deployment;
  let vault: FakeSecretManager;
  let records: GrpcRecorder;
  const served: ServedFunction[] = [];
  let variables: Readonly<Record<string, string>>;
  let config: Values;

  /** The only variables that the test makes: where the emulators are. The rest is Terraform's. */
  const overrides = (): Record<string, string> => ({
    FIRESTORE_EMULATOR_HOST: records.address,
    PORTOLAN_SECRET_MANAGER_EMULATOR_HOST: vault.address,
  });

  const variablesOf = (name: string): Readonly<Record<string, string>> =>
    block(onlyResource(deployment.states.get(name), 'google_cloudfunctions2_function'), 'service_config')[
      'environment_variables'
    ] as Record<string, string>;

  /** The package, unpacked and set up as a plan says. */
  const serve = async (name: string): Promise<ServedFunction> => {
    const folder = deployment.unpack(onlyResource(deployment.states.get(name), 'google_storage_bucket_object')['source']);
    const target = String(block(config, 'build_config')['entry_point']);
    const started = await serveFunction(folder, { target, env: { ...variablesOf(name), ...overrides() } });
    served.push(started);
    return started;
  };

  beforeAll(async () => {
    vault = await fakeSecretManager();
    records = await startGrpcRecorder(firestore ?? '');
    const name = `deployed${process.pid % 100_000}`;
    deployment = await planDeployment('gcp', [
      { name: 'managed', variables: { name } },
      { name: 'gateway', variables: { name, edge: { kind: 'gateway' } } },
    ]);
    const state = deployment.states.get('managed');
    config = onlyResource(state, 'google_cloudfunctions2_function');
    variables = variablesOf('managed');
    for (const { values } of resourcesOf(state, 'google_secret_manager_secret')) {
      const id = String(values['secret_id']);
      const logical = Object.keys(deployment.secrets.values).find((one) => id.endsWith(`-${one}`)) ?? '';
      vault.add(`projects/${String(values['project'])}/secrets/${id}`, Buffer.from(deployment.secrets.values[logical] ?? ''));
    }
  });
  afterAll(async () => {
    await Promise.all(served.map(({ stop }) => stop()));
    records?.stop();
    vault?.stop();
    deployment?.remove();
  });

  test('the package, as unpacked and set up, answers the session scenario', async () => {
    const { url } = await serve('managed');
    expect(await runSessionScenario(url, deployment.secrets)).toEqual(sessionSteps);
  });

  test('behind a gateway that signs its calls it answers the scenario too', async () => {
    const { port } = await serve('gateway');
    const door = await signingFrontDoor(port);
    try {
      expect(await runSessionScenario(door.url, deployment.secrets)).toEqual(sessionSteps);
    } finally {
      await door.stop();
    }
  });

  test('the environment is what the code reads, and nothing else', () => {
    expect(Object.keys(variables).toSorted()).toEqual([
      'GOOGLE_CLOUD_PROJECT',
      'LOG_EXECUTION_ID',
      'PORTOLAN_ATTEMPT_TIMEOUT_MS',
      'PORTOLAN_COLLECTION',
      'PORTOLAN_CONFIG',
      'PORTOLAN_DATABASE',
      'PORTOLAN_FUNCTION_TIMEOUT_MS',
      'PORTOLAN_SECRET_PREFIX',
      'PORTOLAN_TRUSTED_HOPS',
    ]);
  });

  test('no secret is in what Terraform printed: plans, states, outputs', () => {
    expect(deployment.output).toContain('PORTOLAN_DATABASE');
    for (const value of Object.values(deployment.secrets.values)) {
      expect(deployment.output).not.toContain(value);
      expect(deployment.output).not.toContain(JSON.stringify(value).slice(1, -1));
    }
  });

  test('the roles hold the permissions that conformance runs and the scenario use; each is needed', async () => {
    await runStoreConformance(
      new FirestoreStore({
        projectId: variables['GOOGLE_CLOUD_PROJECT'] ?? '',
        databaseId: variables['PORTOLAN_DATABASE'],
        collection: variables['PORTOLAN_COLLECTION'] ?? '',
        emulatorHost: records.address,
        attemptTimeoutMs: 10_000,
      }),
    );
    const used = new Set(records.calls.flatMap(permissionsOf));
    if (vault.asked.length > 0) used.add('secretmanager.versions.access');
    const state = deployment.states.get('managed');
    const account = String(block(config, 'service_config')['service_account_email']);
    const granted = ['google_project_iam_member', 'google_secret_manager_secret_iam_member']
      .flatMap((type) => resourcesOf(state, type))
      // Mocks give all accounts one address; the build's grants are told by their names.
      .filter(({ address, values }) => values['member'] === `serviceAccount:${account}` && !address.includes('build'))
      .map(({ values }) => String(values['role']));
    const allowed = [...new Set(granted)].flatMap((role) => roles[role] ?? [`${role}, which is not in the table above`]);
    expect(allowed.toSorted()).toEqual([...used].toSorted());
  });

  test('the role on the database is bound to this database', () => {
    const state = deployment.states.get('managed');
    const grant = resourcesOf(state, 'google_project_iam_member').find(({ values }) => values['role'] === 'roles/datastore.user');
    expect(block(grant?.values ?? {}, 'condition')['expression']).toBe(
      `resource.name == "projects/${variables['GOOGLE_CLOUD_PROJECT']}/databases/${variables['PORTOLAN_DATABASE']}"`,
    );
  });
});

const resolver = createRequire(import.meta.url);
const protos = join(dirname(resolver.resolve('@google-cloud/firestore')), '..', 'protos');
const service = loadSync('google/firestore/v1/firestore.proto', { includeDirs: [protos], oneofs: true, longs: String })[
  'google.firestore.v1.Firestore'
] as unknown as Record<string, { requestDeserialize(bytes: Buffer): unknown }>;

interface Write {
  readonly operation?: 'update' | 'delete' | 'transform';
  readonly currentDocument?: { readonly exists?: boolean };
}

/** What a call needs (https://cloud.google.com/firestore/docs/security/iam#required_permissions). */
function permissionsOf({ path, messages }: RecordedCall): readonly string[] {
  const method = path.split('/').at(-1) ?? '';
  switch (method) {
    case 'BatchGetDocuments':
      return ['datastore.entities.get'];
    case 'RunQuery':
      return ['datastore.entities.get', 'datastore.entities.list'];
    case 'Commit':
      return messages.flatMap((bytes) => {
        const request = service[method]?.requestDeserialize(bytes) as { readonly writes?: readonly Write[] } | undefined;
        return (request?.writes ?? []).map(({ operation, currentDocument }) => {
          if (operation === 'delete') return 'datastore.entities.delete';
          return currentDocument?.exists === false ? 'datastore.entities.create' : 'datastore.entities.update';
        });
      });
    default:
      throw new Error(`${path} is no call that is known here`);
  }
}
