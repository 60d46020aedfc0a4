import type { VendorTemplate } from './template.ts';
import { apify } from './templates/apify.ts';
import { brightData } from './templates/bright-data.ts';
import { bytio } from './templates/bytio.ts';
import { dataimpulse } from './templates/dataimpulse.ts';
import { decodo } from './templates/decodo.ts';
import { evomi } from './templates/evomi.ts';
import { geonode } from './templates/geonode.ts';
import { hexProxies } from './templates/hex-proxies.ts';
import { iproyal } from './templates/iproyal.ts';
import { massive } from './templates/massive.ts';
import { netnut } from './templates/netnut.ts';
import { oxylabsStickyPorts } from './templates/oxylabs-sticky-ports.ts';
import { oxylabsWebUnblocker } from './templates/oxylabs-web-unblocker.ts';
import { oxylabs } from './templates/oxylabs.ts';
import { pingnetwork } from './templates/pingnetwork.ts';
import { proxySeller } from './templates/proxy-seller.ts';
import { scrapeops } from './templates/scrapeops.ts';
import { scraperapi } from './templates/scraperapi.ts';
import { soaxLegacy } from './templates/soax-legacy.ts';
import { soax } from './templates/soax.ts';
import { webshare } from './templates/webshare.ts';

/** The templates that come with Portolan, by id. Plain data: nothing is read or compiled before its first use. */
export const builtInTemplates: Readonly<Record<string, VendorTemplate>> = {
  apify,
  'bright-data': brightData,
  bytio,
  dataimpulse,
  decodo,
  evomi,
  geonode,
  'hex-proxies': hexProxies,
  iproyal,
  massive,
  netnut,
  oxylabs,
  'oxylabs-sticky-ports': oxylabsStickyPorts,
  'oxylabs-web-unblocker': oxylabsWebUnblocker,
  pingnetwork,
  'proxy-seller': proxySeller,
  scrapeops,
  scraperapi,
  soax,
  'soax-legacy': soaxLegacy,
  webshare,
};
