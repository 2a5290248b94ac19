// What is broken, and the tests that are asked whether they notice: those that are about it, and quick. Tests that start
// processes or repeat all flows for each kind of credentials would notice more, and take hours. They are asked in this
// order, the quickest first.
const flows = (...names) => names.map((name) => `test/flows/${name}.test.ts`)

/** @type {Record<string, { files: string[], tests: string[] }>} */
export const areas = {
  http: {
    files: ['src/http/*.ts'],
    tests: [
      'test/http/*.test.ts',
      ...flows('redirects', 'origins', 'transport', 'clock', 'explain', 'signed'),
      'test/message-signatures/vectors.test.ts',
      'test/message-signatures/verify.test.ts',
      'test/message-signatures/answers.test.ts',
      'test/throttle/header-fields.test.ts',
      'test/client.test.ts',
    ],
  },
  retry: {
    files: ['src/retry/*.ts'],
    tests: [
      'test/retry/*.test.ts',
      'test/throttle/header-fields.test.ts',
      'test/throttle/limits.test.ts',
      ...flows('throttle'),
    ],
  },
  session: {
    files: ['session', 'spend', 'journal', 'record', 'renewal'].map((name) => `src/oauth/${name}.ts`),
    tests: [
      'test/oauth/{record,journal,renewal,spend}.test.ts',
      'test/oauth/{session,session-secrets,session-dpop,client-credentials,keep-fresh,challenges,protected-resource}.test.ts',
      'test/oauth/{assertions,device-code,aborted}.test.ts',
    ],
  },
  pipeline: {
    files: ['pipeline', 'attempt', 'outgoing', 'lifetime', 'shared'].map((name) => `src/${name}.ts`),
    tests: [
      ...flows('attempts', 'redirects', 'origins', 'transport', 'clock', 'explain', 'signed', 'signed-anew'),
      ...flows('two-users', 'throttle', 'parts-loaded-late'),
      'test/client.test.ts',
      'test/options.test.ts',
      'test/version/*.test.ts',
      'test/observe/meter.test.ts',
      'test/auth/{bearer,basic,several,cookie-session,api-key}.test.ts',
    ],
  },
  throttle: {
    files: ['src/throttle/*.ts'],
    tests: [
      'test/throttle/{declared,queue,breaker,pace,ledger,rate-limit-of,header-fields,limiter}.test.ts',
      'test/throttle/{scopes,attack,limits,batch,tabs,header-fields.properties}.test.ts',
      ...flows('throttle'),
    ],
  },
}
