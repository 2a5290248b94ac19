// `npm start -- --serve`: the gateway stays up, with a page that runs the same client in the visitor's browser.
import { readFileSync } from 'node:fs'
import { build } from 'esbuild'
import { demo } from './credentials.ts'
import { startGateway } from './gateway.ts'

/** How to get through each route: by hand, and with the client. */
const ways: Record<string, [curl: string, code: string]> = {
  '/key-in-header': [`-H 'X-API-Key: ${demo.key}'`, `apiKey({ name: 'X-API-Key', value: '${demo.key}' })`],
  '/key-in-query': ['', `apiKey({ in: 'query', name: 'api_key', value: '${demo.key}' })`],
  '/key-in-cookie': [
    `-b session_key=${demo.key}`,
    `apiKey({ in: 'cookie', name: 'session_key', value: '${demo.key}' })`,
  ],
  '/basic': [`-u ${demo.user}:${demo.password}`, `basic({ username: '${demo.user}', password: '${demo.password}' })`],
  '/bearer': [`-H 'Authorization: Bearer ${demo.token}'`, `bearer('${demo.token}')`],
  '/hmac': [
    '(signed)',
    `hmac({ keyId: '${demo.keyId}', secret: '${demo.secret}', … })   // examples/gateway/scenarios.ts`,
  ],
  '/oauth': [
    '(needs a token)',
    `clientCredentials({ issuer, clientId: '${demo.clientId}', clientSecret: '${demo.clientSecret}' })`,
  ],
  '/two-credentials': [
    `-H 'X-API-Key: ${demo.key}' -H 'Authorization: Bearer ${demo.token}'`,
    `[apiKey({ name: 'X-API-Key', value: '${demo.key}' }), bearer('${demo.token}')]`,
  ],
  '/an-hour-off': ['(signed)', 'hmac({ … })   // heals its clock by itself'],
}
const KEY: [string, string] = [`-H 'X-API-Key: ${demo.key}'`, `apiKey({ name: 'X-API-Key', value: '${demo.key}' })`]

export async function serve(): Promise<void> {
  const here = new URL('.', import.meta.url).pathname
  const { outputFiles } = await build({
    entryPoints: [`${here}page.ts`],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  })
  const gateway = await startGateway({
    port: Number(process.env.PORT ?? 0),
    page: {
      '/': ['text/html; charset=utf-8', readFileSync(`${here}page.html`, 'utf8')],
      '/page.js': ['text/javascript', outputFiles[0]?.text ?? ''],
    },
  })
  for (const route of gateway.routes) {
    const [curl, code] = ways[route] ?? KEY
    const query = route === '/key-in-query' ? `?api_key=${demo.key}` : ''
    console.log(`${route}\n  curl -i ${curl} '${gateway.url.slice(0, -1)}${route}${query}'\n  auth: ${code}`)
  }
  console.log(
    `\nThe issuer: ${gateway.issuer}\nOpen ${gateway.url} to watch the client in your browser. Ctrl-C ends it.`,
  )
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => gateway.close())
}
