// A page with a script of its own, on an origin of its own, and an API that its script may call.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { build } from 'esbuild'
import { onTestFinished } from 'vitest'
import type { OpenIdProvider } from '../servers/openid.ts'

const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'authorization, dpop',
  'access-control-expose-headers': 'dpop-nonce, www-authenticate',
}

/** `headers` come with the page itself. */
export async function page(
  as: OpenIdProvider,
  clientId: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ url: string; calls: string[] }> {
  const calls: string[] = []
  const { outputFiles } = await build({
    entryPoints: ['examples/browser-login.ts'],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'error',
  })
  const server = createServer(async ({ method, url = '', headers: asked }, response) => {
    if (url === '/browser-login.js')
      return response.setHeader('content-type', 'text/javascript').end(outputFiles[0]?.text)
    if (url.startsWith('/api/')) {
      const [type = '', token = ''] = (asked.authorization ?? '').split(' ')
      if (method === 'OPTIONS') return response.writeHead(204, CORS).end()
      calls.push(type)
      if (asked.dpop && (await as.isActive(token)))
        return response.writeHead(200, { ...CORS, 'content-type': 'application/json' }).end('{"name":"Ada"}')
      return response.writeHead(401, { ...CORS, 'www-authenticate': 'DPoP error="invalid_token"' }).end()
    }
    const html = readFileSync('examples/browser-login.html', 'utf8')
      .replace('https://login.example.com', as.issuer)
      .replace('"spa"', `"${clientId}"`)
      .replace('https://api.example.com/', `http://${asked.host}/api/`)
    response.writeHead(200, { ...headers, 'content-type': 'text/html; charset=utf-8' }).end(html)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, calls }
}
