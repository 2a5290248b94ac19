// What a browser downloads, minified and gzipped, and what must not be in it.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const root = new URL('..', import.meta.url).pathname
const { exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))

/** What a user writes, what it should weigh in kB, what it may not exceed, and files that have no business in it. */
const rows = [
  {
    name: 'latchkey/fetch with an API key',
    code: "export { createFetch, apiKey } from 'latchkey/fetch'",
    aim: 5,
    most: 11.8,
    alien: /node_modules|cookie-session|auth\/basic|hmac|oauth/,
  },
  {
    name: 'latchkey with an API key, ky included',
    code: "export { createClient, apiKey } from 'latchkey'",
    aim: 14,
    most: 20.8,
    alien: /cookie-session|auth\/basic|hmac|oauth|noble/,
  },
  { name: 'latchkey, everything', code: "export * from 'latchkey'", aim: 15, most: 24.2, alien: /hmac|oauth|noble/ },
  {
    name: 'client credentials, on top of the core',
    code: "export { createClient } from 'latchkey'\nexport { clientCredentials } from 'latchkey/oauth'",
    without: "export { createClient } from 'latchkey'",
    aim: 8,
    most: 9.2,
    alien: /hmac\/|idb-keyval|code_verifier/,
  },
  {
    name: 'messageSignature, on top of the core',
    code: "export { createFetch } from 'latchkey/fetch'\nexport { messageSignature } from 'latchkey/message-signatures'",
    without: "export { createFetch } from 'latchkey/fetch'",
    aim: 4,
    most: 6.1,
    alien: /node_modules|message-signatures\/(verify|web-bot-auth)/,
  },
  {
    name: 'latchkey/message-signatures, all of it',
    code: "export { createFetch } from 'latchkey/fetch'\nexport * from 'latchkey/message-signatures'",
    without: "export { createFetch } from 'latchkey/fetch'",
    aim: 7,
    most: 8.6,
    alien: /node_modules/,
  },
  {
    name: 'browser login with refresh and DPoP, on top',
    code: "export { createClient } from 'latchkey'\nexport { authorizationCode } from 'latchkey/oauth'",
    without: "export { createClient } from 'latchkey'",
    aim: 14,
    most: 17.6,
    alien: /hmac\/|device-code|ciba|jwt-bearer|token-exchange|registration/,
  },
  ...(exports['./hmac']
    ? [
        {
          name: 'latchkey/hmac with SHA-256, without the core',
          code: "export { hmac } from 'latchkey/hmac'",
          aim: 4.5,
          most: 10.5,
          hash: 'sha256',
          alien: /ky\/|pipeline|oauth/,
        },
      ]
    : []),
]

let faults = 0
for (const row of rows) {
  const { outputs, metafile } = await bundle(row.code)
  // A hash is loaded on first use: count the entry, and the chunks of the hash that is used.
  const wanted = outputs.filter(({ path }) => counted(path, metafile, row.hash))
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

async function bundle(code) {
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
    logLevel: 'error',
    absWorkingDir: root,
  })
  return { outputs: outputFiles, metafile }
}

function outputOf(metafile, path) {
  return Object.entries(metafile.outputs).find(([name]) => path.endsWith(name.split('/').at(-1)))[1]
}

function counted(path, metafile, hash) {
  const others = ['sha1', 'sha256', 'sha384', 'sha512'].filter((name) => name !== hash)
  const { entryPoint } = outputOf(metafile, path)
  // What explains a refusal is loaded when somebody asks.
  return !entryPoint?.endsWith('/explain.js') && !others.some((name) => entryPoint?.endsWith(`crypto/${name}.js`))
}
