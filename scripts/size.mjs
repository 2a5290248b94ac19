// What a browser downloads at first, minified and gzipped, what must not be in it, and what it loads later if ever.
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const root = new URL('..', import.meta.url).pathname

/**
 * What a user writes, what it should weigh in kB, what it may not exceed, and files that have no business in it. `with` is a
 * part that is loaded on first use, but by everybody who uses this.
 */
const rows = [
  {
    name: 'latchkey/fetch with an API key',
    code: "export { createFetch, apiKey } from 'latchkey/fetch'",
    aim: 7.5,
    most: 15.7,
    alien: /node_modules|cookie-session|auth\/basic|hmac|oauth/,
  },
  {
    name: 'latchkey with an API key, ky included',
    code: "export { createClient, apiKey } from 'latchkey'",
    aim: 16.5,
    most: 25.2,
    alien: /cookie-session|auth\/basic|hmac|oauth|noble/,
  },
  { name: 'latchkey, everything', code: "export * from 'latchkey'", aim: 17.5, most: 29.5, alien: /hmac|oauth|noble/ },
  {
    name: 'client credentials, on top of the core',
    code: "export { createClient } from 'latchkey'\nexport { clientCredentials } from 'latchkey/oauth'",
    without: "export { createClient } from 'latchkey'",
    aim: 8,
    most: 7.7,
    alien: /hmac\/|idb-keyval|code_verifier/,
  },
  {
    name: 'messageSignature, on top of the core',
    code: "export { createFetch } from 'latchkey/fetch'\nexport { messageSignature } from 'latchkey/message-signatures'",
    without: "export { createFetch } from 'latchkey/fetch'",
    aim: 4,
    most: 5.9,
    alien: /noble|oauth|message-signatures\/(verify|web-bot-auth|wishes)/,
  },
  {
    name: 'latchkey/message-signatures, all of it',
    code: "export { createFetch } from 'latchkey/fetch'\nexport * from 'latchkey/message-signatures'",
    without: "export { createFetch } from 'latchkey/fetch'",
    aim: 7,
    most: 8.5,
    alien: /noble|oauth|message-signatures\/wishes/,
  },
  {
    name: 'browser login with refresh and DPoP, on top',
    code: "export { createClient } from 'latchkey'\nexport { authorizationCode } from 'latchkey/oauth'",
    without: "export { createClient } from 'latchkey'",
    aim: 14,
    most: 13.2,
    with: /oauth\/proof-key\.js$/,
    alien: /hmac\/|device-code|ciba|jwt-bearer|token-exchange|registration/,
  },
  {
    name: 'latchkey/hmac, own code',
    code: "export { hmac } from 'latchkey/hmac'",
    aim: 1.2,
    most: 4.2,
    own: true,
    alien: /ky\/|pipeline|oauth|hmac\/parameters/,
  },
  {
    name: 'latchkey/hmac with SHA-256',
    code: "export { hmac } from 'latchkey/hmac'",
    aim: 4.5,
    most: 7.3,
    with: /crypto\/sha256\.js$/,
    alien: /ky\/|pipeline|oauth|sha2-64|legacy/,
  },
  {
    name: 'latchkey/aws, sigv4, own code',
    code: "export { sigv4 } from 'latchkey/aws'",
    aim: 3,
    most: 4,
    own: true,
    alien: /pipeline|oauth|hmac\//,
  },
  {
    name: 'latchkey/aws, sigv4',
    code: "export { sigv4 } from 'latchkey/aws'",
    aim: 6,
    most: 6.5,
    alien: /pipeline|oauth|hmac\/|sha2-64/,
  },
  {
    name: 'latchkey/hmac with SHA-256, on top of the core',
    code: "export { createFetch } from 'latchkey/fetch'\nexport { hmac } from 'latchkey/hmac'",
    without: "export { createFetch } from 'latchkey/fetch'",
    aim: 4.5,
    most: 6.8,
    with: /crypto\/sha256\.js$/,
    alien: /ky\/|oauth|sha2-64|legacy/,
  },
  {
    name: 'latchkey/aws, sigv4, on top of the core',
    code: "export { createFetch } from 'latchkey/fetch'\nexport { sigv4 } from 'latchkey/aws'",
    without: "export { createFetch } from 'latchkey/fetch'",
    aim: 6,
    most: 6.1,
    alien: /oauth|hmac\/|sha2-64/,
  },
  {
    name: 'latchkey/auth/digest with SHA-256',
    code: "export { digest } from 'latchkey/auth/digest'",
    aim: 7,
    most: 7.7,
    with: /crypto\/sha256\.js$/,
    alien: /pipeline|oauth|hmac\/|sha2-64|legacy/,
  },
  {
    name: 'latchkey/auth/jwt',
    code: "export { jwt } from 'latchkey/auth/jwt'",
    aim: 4,
    most: 3.7,
    alien: /pipeline|oauth|hmac\/|noble/,
  },
]

let faults = 0
for (const row of rows) {
  const { bytes, inputs, later } = await weigh(row.code, row)
  const own = bytes - (row.without ? (await weigh(row.without, row)).bytes : 0)
  const aliens = inputs.filter((input) => row.alien.test(input))
  const verdict = aliens.length ? `pulls in ${aliens.join(', ')}` : own > row.most * 1000 ? 'too big' : 'ok'
  if (verdict !== 'ok') faults++
  console.log(`${row.name.padEnd(48)} ${kB(own)} kB  (aim ${row.aim}, held at ${row.most})  ${verdict}`)
  if (later.length) console.log(`${''.padEnd(48)} later, if ever: ${later.join(', ')}`)
}
process.exit(faults ? 1 : 0)

function kB(bytes) {
  return (bytes / 1000).toFixed(2).padStart(6)
}

/** What is there before the first line runs, and what each `import()` adds when it is needed. */
async function weigh(code, row) {
  const lazy = new Set()
  const entry = await bundled({ stdin: { contents: code, resolveDir: root } }, row, ({ kind, path }) => {
    if (kind === 'dynamic-import') lazy.add(path)
    return kind === 'dynamic-import'
  })
  const here = new Set(entry.inputs.map((input) => root + input))
  let { bytes, inputs } = entry
  const later = []
  for (const path of lazy) {
    if (here.has(path)) continue
    const part = await bundled(
      { entryPoints: [path] },
      row,
      (one) => here.has(one.path) || one.kind === 'dynamic-import',
    )
    if (row.with?.test(path)) {
      bytes += part.bytes
      inputs = [...inputs, ...part.inputs]
    } else later.push(`${path.replace(/.*\/dist\/|\.js$/g, '')} ${kB(part.bytes).trim()}`)
  }
  return { bytes, inputs, later }
}

/** One file, as bundlers make it of what is imported statically; `apart` says what stays out. */
async function bundled(entry, row, apart) {
  const plugin = {
    name: 'apart',
    setup(build) {
      build.onResolve({ filter: /./ }, async ({ path, kind, resolveDir, pluginData }) => {
        if (pluginData === plugin || kind === 'entry-point') return undefined
        const found = await build.resolve(path, { kind, resolveDir, pluginData: plugin })
        return apart({ kind, path: found.path }) ? { path, external: true } : found
      })
    },
  }
  const { outputFiles, metafile } = await build({
    ...entry,
    plugins: [plugin],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    metafile: true,
    write: false,
    ...(row.own && { external: ['@noble/*'] }),
    logLevel: 'error',
    absWorkingDir: root,
  })
  const bytes = gzipSync(outputFiles[0].contents, { level: 9 }).length
  return { bytes, inputs: Object.keys(Object.values(metafile.outputs)[0].inputs) }
}
