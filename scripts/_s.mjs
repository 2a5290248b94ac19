import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const b = (code) =>
  build({
    stdin: { contents: code, resolveDir: '.' },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    metafile: true,
    logLevel: 'error',
  })
const core = "export {createFetch} from 'latchkey/fetch'\n"
const z = (r) => gzipSync(r.outputFiles[0].contents, { level: 9 }).length
const a = z(await b(core))
for (const c of ['messageSignature', 'signMessage', 'signatureVerifier', 'webBotAuth', '*']) {
  const imp =
    c === '*' ? "export * from 'latchkey/message-signatures'" : `export {${c}} from 'latchkey/message-signatures'`
  const r = await b(imp)
  console.log(c, z(r), z(await b(core + imp)) - a)
  if (c === '*' || c === 'messageSignature')
    for (const [f, { bytesInOutput }] of Object.entries(Object.values(r.metafile.outputs)[0].inputs))
      console.log('   ', f, bytesInOutput)
}
