// What a browser downloads, minified and gzipped, and what must not be in it.
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const root = new URL('..', import.meta.url).pathname

/** What a user writes, what it should weigh in kB, what it may not exceed, and files that have no business in it. */
const rows = [
  {
    name: 'latchkey/fetch with an API key',
    code: "export { createFetch, apiKey } from 'latchkey/fetch'",
    aim: 5,
    most: 16.6,
    alien: /node_modules|cookie-session|auth\/basic|hmac|oauth/,
  },
  {
    name: 'latchkey with an API key, ky included',
    code: "export { createClient, apiKey } from 'latchkey'",
    aim: 14,
    most: 25.9,
    alien: /cookie-session|auth\/basic|hmac|oauth|noble/,
  },
  { name: 'latchkey, everything', code: "export * from 'latchkey'", aim: 15, most: 29.3, alien: /hmac|oauth|noble/ },
  {
    name: 'client credentials, on top of the core',
    code: "export { createClient } from 'latchkey'\nexport { clientCredentials } from 'latchkey/oauth'",
    without: "export { createClient } from 'latchkey'",
    aim: 8,
    most: 6.4,
    alien: /hmac\/|idb-keyval|code_verifier/,
  },
  {
    name: 'messageSignature, on top of the core',
    code: "export { createFetch } from 'latchkey/fetch'\nexport { messageSignature } from 'latchkey/message-signatures'",
    without: "export { createFetch } from 'latchkey/fetch'",
    aim: 4,
    most: 6.2,
    alien: /noble|oauth|message-signatures\/(verify|web-bot-auth)/,
  },
  {
    name: 'latchkey/message-signatures, all of it',
    code: "export { createFetch } from 'latchkey/fetch'\nexport * from 'latchkey/message-signatures'",
    without: "export { createFetch } from 'latchkey/fetch'",
    aim: 7,
    most: 8.7,
    alien: /noble|oauth/,
  },
  {
    name: 'browser login with refresh and DPoP, on top',
    code: "export { createClient } from 'latchkey'\nexport { authorizationCode } from 'latchkey/oauth'",
    without: "export { createClient } from 'latchkey'",
    aim: 14,
    most: 14.9,
    alien: /hmac\/|device-code|ciba|jwt-bearer|token-exchange|registration/,
  },
  {
    name: 'latchkey/hmac, own code',
    code: "export { hmac } from 'latchkey/hmac'",
    aim: 1.2,
    most: 4.5,
    own: true,
    alien: /ky\/|pipeline|oauth/,
  },
  {
    name: 'latchkey/hmac with SHA-256',
    code: "export { hmac } from 'latchkey/hmac'",
    aim: 4.5,
    most: 8.1,
    hash: 'sha256',
    alien: /ky\/|pipeline|oauth|sha2-64|legacy/,
  },
  {
    name: 'latchkey/aws, sigv4, own code',
    code: "export { sigv4 } from 'latchkey/aws'",
    aim: 3,
    most: 3.8,
    own: true,
    alien: /pipeline|oauth|hmac\//,
  },
  {
    name: 'latchkey/aws, sigv4',
    code: "export { sigv4 } from 'latchkey/aws'",
    aim: 6,
    most: 6.8,
    alien: /pipeline|oauth|hmac\/|sha2-64/,
  },
  {
    name: 'latchkey/auth/digest with SHA-256',
    code: "export { digest } from 'latchkey/auth/digest'",
    aim: 7,
    most: 8.1,
    hash: 'sha256',
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

const HASHES = ['md5', 'sha1', 'sha256', 'sha384', 'sha512', 'sha512-256']
let faults = 0
for (const row of rows) {
  const { outputs, metafile } = await bundle(row.code, row.own)
  const wanted = loaded(outputs, metafile, row.hash)
  const bytes = zipped(wanted) - (row.without ? zipped((await bundle(row.without)).outputs) : 0)
  const inputs = new Set(wanted.flatMap(({ path }) => Object.keys(outputOf(metafile, path).inputs)))
  const aliens = [...inputs].filter((input) => row.alien.test(input))
  const verdict = aliens.length ? `pulls in ${aliens.join(', ')}` : bytes > row.most * 1000 ? 'too big' : 'ok'
  if (verdict !== 'ok') faults++
  console.log(
    `${row.name.padEnd(48)} ${(bytes / 1000).toFixed(2).padStart(6)} kB  (aim ${row.aim}, held at ${row.most})  ${verdict}`,
  )
}
process.exit(faults ? 1 : 0)

function zipped(outputs) {
  return outputs.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0)
}

async function bundle(code, own) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: root },
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    outdir: 'out',
    metafile: true,
    write: false,
    ...(own && { external: ['@noble/*'] }),
    logLevel: 'error',
    absWorkingDir: root,
  })
  return { outputs: outputFiles, metafile }
}

function outputOf(metafile, path) {
  return Object.entries(metafile.outputs).find(([name]) => path.endsWith(name.split('/').at(-1)))[1]
}

/** The entry and all it may load, but for hashes that are not used, for what explains a refusal when somebody asks, and for the parser of fields that few servers send. */
function loaded(outputs, metafile, hash) {
  const later = ['/explain.js', '/structured-fields.js']
  const unused = [...HASHES.filter((name) => name !== hash).map((name) => `crypto/${name}.js`), ...later]
  const reached = new Set()
  const visit = (name) => {
    if (reached.has(name) || unused.some((end) => metafile.outputs[name]?.entryPoint?.endsWith(end))) return
    reached.add(name)
    for (const { path, external } of metafile.outputs[name].imports) if (!external) visit(path)
  }
  visit(Object.keys(metafile.outputs).find((name) => metafile.outputs[name].entryPoint === '<stdin>'))
  return outputs.filter(({ path }) => [...reached].some((name) => path.endsWith(name.split('/').at(-1))))
}
