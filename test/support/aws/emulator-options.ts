/** How to reach an AWS emulator: any key will do, signatures are not checked. */
export function emulatorOptions(address: string): {
  region: string;
  endpoint: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
} {
  return {
    region: 'eu-central-1',
    endpoint: `http://${address}`,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  };
}
