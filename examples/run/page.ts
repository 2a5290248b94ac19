// examples/browser-login.ts as a page on an origin of its own, beside an API that wants its tokens proven (RFC 9449).
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { build } from 'esbuild'

const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'authorization, dpop',
  'access-control-expose-headers': 'dpop-nonce, www-authenticate',
}
const examples = new URL('..', import.meta.url).pathname

export interface LoginPage {
  readonly url: string
  /** The scheme of each call that reached the API. */
  readonly calls: readonly string[]
  close(): void
}

/** `isActive` says whether the issuer's book has a token; `own` headers come with the page itself. */
export async function servePage(
  issuer: string,
  clientId: string,
  isActive: (token: string) => boolean | Promise<boolean>,
  own: Readonly<Record<string, string>> = {},
): Promise<LoginPage> {
  const calls: string[] = []
  const { outputFiles } = await build({
    entryPoints: [`${examples}browser-login.ts`],
    bundle: true,
    // As sites are built: what comes later is a file of its own.
    splitting: true,
    outdir: '/',
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'error',
  })
  const server = createServer(async ({ method, url = '', headers }, response) => {
    const script = outputFiles.find(({ path }) => path === url)?.text
    if (script) return response.setHeader('content-type', 'text/javascript').end(script)
    if (url.startsWith('/api/')) {
      const [type = '', token = ''] = (headers.authorization ?? '').split(' ')
      if (method === 'OPTIONS') return response.writeHead(204, CORS).end()
      calls.push(type)
      if (headers.dpop && (await isActive(token)))
        return response.writeHead(200, { ...CORS, 'content-type': 'application/json' }).end('{"name":"Ada"}')
      return response.writeHead(401, { ...CORS, 'www-authenticate': 'DPoP error="invalid_token"' }).end()
    }
    const html = readFileSync(`${examples}browser-login.html`, 'utf8')
      .replace('https://login.example.com', issuer)
      .replace('"spa"', `"${clientId}"`)
      .replace('https://api.example.com/', `http://${headers.host}/api/`)
    response.writeHead(200, { ...own, 'content-type': 'text/html; charset=utf-8' }).end(html)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    calls,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
