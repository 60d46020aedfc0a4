// Loaded before Portolan: names are looked up at the test's name server, and every connection that would leave this machine ends at the test's
// backends instead. Everything above, from the check of addresses to TLS, is as it always is.
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

const { PORTOLAN_TEST_DNS, PORTOLAN_TEST_BACKENDS_PORT } = process.env;

class TestResolver extends dns.promises.Resolver {
  constructor(options) {
    super(options);
    this.setServers([PORTOLAN_TEST_DNS]);
  }
}
dns.promises.Resolver = TestResolver;
dns.promises.lookup = async (name) => {
  const addresses = await new TestResolver().resolve4(name);
  return addresses.map((address) => ({ address, family: 4 }));
};

const { connect } = net;
net.connect = (options, ...rest) =>
  connect({ ...options, host: '127.0.0.1', port: Number(PORTOLAN_TEST_BACKENDS_PORT), lookup: undefined }, ...rest);
syncBuiltinESMExports();
