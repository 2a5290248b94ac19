import type { QuotaReading } from '../../src/throttle/header-fields.ts'

export const NOW = Date.UTC(2026, 2, 26, 15, 59)
const epoch = (after: number) => NOW / 1000 + after
const iso = (after: number) => new Date(NOW + after * 1000).toISOString()
const http = (after: number) => new Date(NOW + after * 1000).toUTCString()

export interface Fixture {
  /** The family, where a row of `latchkey/throttle/families` reads it; `'core'` where every client does. */
  readonly family: string
  readonly what: string
  readonly status?: number
  readonly headers: Record<string, string>
  readonly body?: string
  readonly quota: readonly Partial<QuotaReading>[]
  /** Milliseconds, where the answer says how long to wait in a field of the Retry-After kind. */
  readonly hint?: number
}

/** What APIs really send, and what it means. Taken from their documentation and their answers. */
export const fixtures: readonly Fixture[] = [
  {
    family: 'core',
    what: 'X-Rate-Limit, delta seconds',
    headers: { 'x-rate-limit-limit': '900', 'x-rate-limit-reset': '30' },
    quota: [{ limit: 900, resetAfter: 30_000, source: 'x-rate-limit-limit' }],
  },
  {
    family: 'core',
    what: 'IETF draft 10, two policies',
    headers: {
      'ratelimit-policy': '"burst";q=100;w=60,"daily";q=1000;w=86400',
      ratelimit: '"burst";r=50;t=30, "daily";r=999;t=8000',
    },
    quota: [
      { policy: 'burst', unit: 'requests', limit: 100, remaining: 50, resetAfter: 30_000, window: 60_000 },
      { policy: 'daily', unit: 'requests', limit: 1000, remaining: 999, resetAfter: 8_000_000, window: 86_400_000 },
    ],
  },
  {
    family: 'core',
    what: 'IETF draft 10, bytes, partitions, a policy of which nothing else is said',
    headers: {
      'ratelimit-policy':
        '"peruser";q=65535;qu="content-bytes";w=10;pk=:sdfjLJUOUH==:, "parallel";q=4;qu="concurrent-requests"',
      ratelimit: '"peruser";r=999;pk=:sdfjLJUOUH==:',
    },
    quota: [
      {
        policy: 'peruser',
        partition: 'sdfjLJUOUA==',
        unit: 'content-bytes',
        limit: 65_535,
        remaining: 999,
        window: 10_000,
      },
      { policy: 'parallel', unit: 'concurrent-requests', limit: 4, source: 'ratelimit-policy' },
    ],
  },
  {
    family: 'core',
    what: 'IETF draft 8, as express-rate-limit writes it',
    status: 429,
    headers: {
      ratelimit: '"1-in-1min"; r=0; t=60',
      'ratelimit-policy': '"1-in-1min"; q=1; w=60; pk=:ZmVkYw==:',
      'retry-after': '60',
    },
    quota: [{ policy: '1-in-1min', partition: 'ZmVkYw==', limit: 1, remaining: 0, resetAfter: 60_000, window: 60_000 }],
    hint: 60_000,
  },
  {
    family: 'core',
    what: 'IETF draft 10, one policy with several partitions',
    headers: {
      'ratelimit-policy': '"a";q=10;w=60;pk=:Zm9v:, "a";q=20;w=30;pk=:YmFy:',
      ratelimit: '"a";r=3;t=5;pk=:YmFy:',
    },
    quota: [{ policy: 'a', partition: 'YmFy', limit: 20, window: 30_000, remaining: 3, resetAfter: 5000 }],
  },
  {
    family: 'core',
    what: 'IETF draft 10, a problem document',
    status: 429,
    headers: {
      'content-type': 'application/problem+json',
      'ratelimit-policy': '"burst";q=100;w=60,"daily";q=1000;w=86400',
      ratelimit: '"burst";r=50;t=30',
    },
    body: '{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","violated-policies":["daily","other"]}',
    quota: [
      { policy: 'burst', remaining: 50 },
      { policy: 'daily', limit: 1000, remaining: 0 },
      { policy: 'other', remaining: 0, source: 'violated-policies' },
    ],
  },
  {
    family: 'core',
    what: 'IETF draft 7',
    headers: { ratelimit: 'limit=100, remaining=50, reset=30', 'ratelimit-policy': '10;w=1, 100;w=60' },
    quota: [
      { policy: '100;w=60', limit: 100, remaining: 50, resetAfter: 30_000, window: 60_000, source: 'ratelimit' },
      { policy: '10;w=1', limit: 10, window: 1000, source: 'ratelimit-policy' },
    ],
  },
  {
    family: 'core',
    what: 'IETF draft 6',
    headers: {
      'ratelimit-limit': '1',
      'ratelimit-remaining': '0',
      'ratelimit-reset': '60',
      'ratelimit-policy': '1;w=60',
    },
    quota: [{ policy: '1;w=60', limit: 1, remaining: 0, resetAfter: 60_000, window: 60_000 }],
  },
  {
    family: 'core',
    what: 'IETF draft 3, the policy behind the limit',
    headers: { 'ratelimit-limit': '100, 100;w=60', 'ratelimit-remaining': '50', 'ratelimit-reset': '30' },
    quota: [{ policy: '100;w=60', limit: 100, remaining: 50, resetAfter: 30_000, window: 60_000 }],
  },
  {
    family: 'core',
    what: 'the legacy form of express-rate-limit',
    headers: {
      'x-ratelimit-limit': '5',
      'x-ratelimit-remaining': '4',
      'x-ratelimit-reset': String(epoch(60)),
      date: http(0),
    },
    quota: [{ policy: 'default', limit: 5, remaining: 4, resetAfter: 60_000, source: 'x-ratelimit-remaining' }],
  },
  {
    family: 'core',
    what: 'a wait beside the instant',
    headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(epoch(2)), 'x-ratelimit-reset-after': '1.25' },
    quota: [{ remaining: 0, resetAfter: 1250 }],
  },
  {
    family: 'GitHub',
    what: 'nothing left, as a 403',
    status: 403,
    headers: {
      'x-ratelimit-limit': '60',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-used': '60',
      'x-ratelimit-resource': 'core',
      'x-ratelimit-reset': String(epoch(600)),
    },
    quota: [{ policy: 'core', limit: 60, remaining: 0, resetAfter: 600_000 }],
  },
  {
    family: 'GitHub',
    what: 'a secondary limit that names no time',
    status: 403,
    headers: { 'x-github-request-id': 'C0FE', 'x-ratelimit-limit': '60', 'x-ratelimit-remaining': '50' },
    body: '{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}',
    quota: [
      { policy: 'core', limit: 60, remaining: 50 },
      { policy: 'secondary', remaining: 0, resetAfter: 60_000 },
    ],
  },
  {
    family: 'GitHub',
    what: 'a 403 that is no limit',
    status: 403,
    headers: { 'x-github-request-id': 'C0FE', 'x-ratelimit-limit': '60', 'x-ratelimit-remaining': '50' },
    body: '{"message":"Resource not accessible by integration"}',
    quota: [{ policy: 'core', limit: 60, remaining: 50 }],
  },
  {
    family: 'OpenAI',
    what: 'requests and tokens',
    headers: {
      'x-ratelimit-limit-requests': '60',
      'x-ratelimit-limit-tokens': '150000',
      'x-ratelimit-remaining-requests': '59',
      'x-ratelimit-remaining-tokens': '149984',
      'x-ratelimit-reset-requests': '1s',
      'x-ratelimit-reset-tokens': '6m0s',
    },
    quota: [
      { policy: 'requests', unit: 'requests', limit: 60, remaining: 59, resetAfter: 1000 },
      { policy: 'tokens', unit: 'tokens', limit: 150_000, remaining: 149_984, resetAfter: 360_000 },
    ],
  },
  {
    family: 'OpenAI',
    what: 'milliseconds and fractions',
    headers: {
      'x-ratelimit-remaining-requests': '1',
      'x-ratelimit-reset-requests': '12ms',
      'x-ratelimit-remaining-tokens': '2',
      'x-ratelimit-reset-tokens': '1h2m59.5s',
      'retry-after-ms': '1500',
    },
    quota: [
      { policy: 'requests', remaining: 1, resetAfter: 12 },
      { policy: 'tokens', remaining: 2, resetAfter: 3_779_500 },
    ],
    hint: 1500,
  },
  {
    family: 'Anthropic',
    what: 'four buckets',
    headers: Object.fromEntries(
      ['requests', 'tokens', 'input-tokens', 'output-tokens'].flatMap((name, index) => [
        [`anthropic-ratelimit-${name}-limit`, String(1000 * (index + 1))],
        [`anthropic-ratelimit-${name}-remaining`, String(100 * (index + 1))],
        [`anthropic-ratelimit-${name}-reset`, iso(10 * (index + 1)).replace('.000', '')],
      ]),
    ),
    quota: [
      { policy: 'requests', unit: 'requests', limit: 1000, remaining: 100, resetAfter: 10_000 },
      { policy: 'tokens', unit: 'tokens', limit: 2000, remaining: 200, resetAfter: 20_000 },
      { policy: 'input-tokens', unit: 'tokens', limit: 3000, remaining: 300, resetAfter: 30_000 },
      { policy: 'output-tokens', unit: 'tokens', limit: 4000, remaining: 400, resetAfter: 40_000 },
    ],
  },
  {
    family: 'Mistral',
    what: 'the window in the name',
    headers: {
      'x-ratelimit-limit-req-minute': '1000',
      'x-ratelimit-remaining-req-minute': '717',
      'x-ratelimit-remaining-tokens-minute': '49000',
      'x-ratelimit-remaining-tokens-month': '9000000',
      'x-ratelimit-tokens-query-cost': '52',
    },
    quota: [
      { policy: 'req-minute', unit: 'requests', limit: 1000, remaining: 717, window: 60_000 },
      { policy: 'tokens-minute', unit: 'tokens', remaining: 49_000, window: 60_000 },
      { policy: 'tokens-month', unit: 'tokens', remaining: 9_000_000, window: 2_592_000_000 },
    ],
  },
  {
    family: 'X',
    what: 'three buckets',
    headers: {
      'x-rate-limit-limit': '900',
      'x-rate-limit-remaining': '847',
      'x-rate-limit-reset': String(epoch(900)),
      'x-app-limit-24hour-limit': '10000',
      'x-app-limit-24hour-remaining': '9000',
      'x-app-limit-24hour-reset': String(epoch(3600)),
      'x-user-limit-24hour-limit': '100',
      'x-user-limit-24hour-remaining': '0',
      'x-user-limit-24hour-reset': String(epoch(7200)),
    },
    quota: [
      { policy: 'endpoint', limit: 900, remaining: 847, resetAfter: 900_000 },
      { policy: 'app', limit: 10_000, remaining: 9000, resetAfter: 3_600_000, window: 86_400_000 },
      { policy: 'user', limit: 100, remaining: 0, resetAfter: 7_200_000, window: 86_400_000 },
    ],
  },
  {
    family: 'Discord',
    what: 'the bucket of a route',
    status: 429,
    headers: {
      'x-ratelimit-limit': '10',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': String(epoch(64.57)),
      'x-ratelimit-reset-after': '64.57',
      'x-ratelimit-bucket': 'abcd1234',
      'x-ratelimit-scope': 'user',
      'retry-after': '65',
    },
    body: '{"message":"You are being rate limited.","retry_after":64.57,"global":false}',
    quota: [{ policy: 'abcd1234', limit: 10, remaining: 0, resetAfter: 64_570 }],
    hint: 65_000,
  },
  {
    family: 'Discord',
    what: 'the limit for everything',
    status: 429,
    headers: { 'x-ratelimit-global': 'true', 'x-ratelimit-scope': 'global', 'retry-after': '2' },
    quota: [{ policy: 'global', remaining: 0, resetAfter: 2000 }],
    hint: 2000,
  },
  {
    family: 'Shopify REST',
    what: 'used of the bucket',
    headers: { 'x-shopify-shop-api-call-limit': '32/40' },
    quota: [{ policy: 'default', limit: 40, remaining: 8, window: 20_000 }],
  },
  {
    family: 'Shopify REST',
    what: 'a full bucket',
    status: 429,
    headers: { 'x-shopify-shop-api-call-limit': '40/40', 'retry-after': '2.0' },
    quota: [{ limit: 40, remaining: 0, resetAfter: 500, window: 20_000 }],
    hint: 2000,
  },
  {
    family: 'Shopify GraphQL',
    what: 'points, in the content',
    headers: { 'content-type': 'application/json' },
    body: '{"data":{},"extensions":{"cost":{"requestedQueryCost":12,"throttleStatus":{"maximumAvailable":1000.0,"currentlyAvailable":988,"restoreRate":50.0}}}}',
    quota: [{ unit: 'points', limit: 1000, remaining: 988, window: 20_000, source: 'content' }],
  },
  {
    family: 'HubSpot',
    what: 'by day, by second and by interval',
    headers: {
      'x-hubspot-ratelimit-daily': '250000',
      'x-hubspot-ratelimit-daily-remaining': '249000',
      'x-hubspot-ratelimit-secondly': '10',
      'x-hubspot-ratelimit-secondly-remaining': '9',
      'x-hubspot-ratelimit-max': '100',
      'x-hubspot-ratelimit-remaining': '99',
      'x-hubspot-ratelimit-interval-milliseconds': '10000',
    },
    quota: [
      { policy: 'interval', limit: 100, remaining: 99, window: 10_000 },
      { policy: 'daily', limit: 250_000, remaining: 249_000, window: 86_400_000 },
      { policy: 'secondly', limit: 10, remaining: 9, window: 1000 },
    ],
  },
  {
    family: 'Jira and Confluence Cloud',
    what: 'a reason and a date in minutes',
    status: 429,
    headers: {
      'retry-after': '60',
      'x-ratelimit-reset': '2026-03-26T16:00Z',
      'ratelimit-reason': 'jira-burst-based',
      'x-beta-ratelimit-nearlimit': 'true',
    },
    quota: [{ policy: 'jira-burst-based', remaining: 0, resetAfter: 60_000 }],
    hint: 60_000,
  },
  {
    family: 'Jira and Confluence Cloud',
    what: 'quotas in fields called beta',
    headers: {
      'beta-ratelimit': '"tenant-app-quota";r=17842;t=2107',
      'beta-ratelimit-policy': '"tenant-app-quota";q=20000;w=3600',
    },
    quota: [
      {
        policy: 'tenant-app-quota',
        limit: 20_000,
        remaining: 17_842,
        resetAfter: 2_107_000,
        window: 3_600_000,
        source: 'beta-ratelimit',
      },
    ],
  },
  {
    family: 'Jira and Confluence Data Center',
    what: 'a token bucket; Retry-After 0 on every success',
    headers: {
      'x-ratelimit-limit': '50',
      'x-ratelimit-remaining': '49',
      'x-ratelimit-interval-seconds': '5',
      'x-ratelimit-fillrate': '10',
      'retry-after': '0',
    },
    quota: [{ limit: 50, remaining: 49, resetAfter: 5000, window: 25_000 }],
    hint: 0,
  },
  {
    family: 'Jira and Confluence Data Center',
    what: 'nothing allowed, until the end of time',
    status: 429,
    headers: {
      'x-ratelimit-limit': '0',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-interval-seconds': '1',
      'x-ratelimit-fillrate': '0',
      'retry-after': '9223372036854775807',
    },
    quota: [{ limit: 0, remaining: 0, resetAfter: 2_147_483_647 }],
    hint: 2_147_483_647,
  },
  {
    family: 'GitLab',
    what: 'the name of the IETF, and an instant',
    status: 429,
    headers: {
      'ratelimit-limit': '60',
      'ratelimit-observed': '67',
      'ratelimit-remaining': '0',
      'ratelimit-reset': String(epoch(30)),
      'ratelimit-resettime': http(30),
      'ratelimit-name': 'throttle_authenticated_web',
    },
    quota: [{ policy: 'throttle_authenticated_web', limit: 60, remaining: 0, resetAfter: 30_000 }],
  },
  {
    family: 'Reddit',
    what: 'used and remaining, with a point',
    headers: { 'x-ratelimit-used': '1', 'x-ratelimit-remaining': '599.0', 'x-ratelimit-reset': '300' },
    quota: [{ policy: 'default', limit: 600, remaining: 599, resetAfter: 300_000 }],
  },
  {
    family: 'Azure Resource Manager',
    what: 'subscription, tenant and resource provider',
    headers: {
      'x-ms-ratelimit-remaining-subscription-reads': '11999',
      'x-ms-ratelimit-remaining-tenant-reads': '800',
      'x-ms-ratelimit-remaining-resource':
        'Microsoft.Compute/HighCostGet3Min;107,Microsoft.Compute/HighCostGet30Min;543',
    },
    quota: [
      { policy: 'Microsoft.Compute/HighCostGet3Min', remaining: 107 },
      { policy: 'Microsoft.Compute/HighCostGet30Min', remaining: 543 },
      { policy: 'subscription-reads', remaining: 11_999 },
      { policy: 'tenant-reads', remaining: 800 },
    ],
  },
  { family: 'core', what: 'Cosmos DB', status: 429, headers: { 'x-ms-retry-after-ms': '1500' }, quota: [], hint: 1500 },
  { family: 'core', what: 'AWS', status: 429, headers: { 'x-amz-retry-after': '1500' }, quota: [], hint: 1500 },
  { family: 'core', what: 'Stripe', status: 429, headers: { 'stripe-should-retry': 'true' }, quota: [] },
  {
    family: 'Docker Hub',
    what: 'the window behind each number',
    headers: {
      'ratelimit-limit': '100;w=21600',
      'ratelimit-remaining': '20;w=21600',
      'docker-ratelimit-source': '192.0.2.1',
    },
    quota: [{ policy: '100;w=21600', partition: '192.0.2.1', limit: 100, remaining: 20, window: 21_600_000 }],
  },
  {
    family: 'core',
    what: 'Brave Search: lists side by side',
    headers: {
      'x-ratelimit-limit': '1, 15000',
      'x-ratelimit-policy': '1;w=1, 15000;w=2592000',
      'x-ratelimit-remaining': '1, 1000',
      'x-ratelimit-reset': '1, 1419704',
    },
    quota: [
      { policy: '1;w=1', limit: 1, remaining: 1, resetAfter: 1000, window: 1000 },
      { policy: '15000;w=2592000', limit: 15_000, remaining: 1000, resetAfter: 1_419_704_000, window: 2_592_000_000 },
    ],
  },
  {
    family: 'Akamai',
    what: 'when the next request may come',
    status: 429,
    headers: { 'x-ratelimit-limit': '20', 'x-ratelimit-next': iso(5) },
    quota: [{ limit: 20, remaining: 0, resetAfter: 5000 }],
  },
  {
    family: 'core',
    what: 'Vimeo: a date of HTTP',
    headers: { 'x-ratelimit-limit': '100', 'x-ratelimit-remaining': '99', 'x-ratelimit-reset': http(60) },
    quota: [{ limit: 100, remaining: 99, resetAfter: 60_000 }],
  },
  {
    family: 'lemlist',
    what: 'a date of JavaScript',
    headers: {
      'x-ratelimit-limit': '20',
      'x-ratelimit-remaining': '9',
      'x-ratelimit-reset': 'Thu Mar 26 2026 16:59:02 GMT+0100 (Central European Standard Time)',
    },
    quota: [{ limit: 20, remaining: 9, resetAfter: 2000 }],
  },
  {
    family: 'core',
    what: 'Rocket.Chat: an instant in milliseconds',
    headers: { 'x-ratelimit-limit': '10', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW + 60_000) },
    quota: [{ limit: 10, remaining: 0, resetAfter: 60_000 }],
  },
  {
    family: 'Prisjakt',
    what: 'a wait in milliseconds',
    headers: { 'x-rate-limit-limit': '10', 'x-rate-limit-remaining': '0', 'x-rate-limit-reset': '600000' },
    quota: [{ limit: 10, remaining: 0, resetAfter: 600_000 }],
  },
  {
    family: 'Amazon MWS',
    what: 'a date of HTTP',
    headers: {
      'x-mws-quota-max': '3600',
      'x-mws-quota-remaining': '10',
      'x-mws-quota-resetsOn': http(3600),
    },
    quota: [{ limit: 3600, remaining: 10, resetAfter: 3_600_000 }],
  },
]
