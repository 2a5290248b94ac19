// `npm run example:react`: the page on Vite's own server, with all it needs around it.
import { readFileSync } from 'node:fs'
import { createServer, type ViteDevServer } from 'vite'
import { startBackEnd } from './back-end.ts'

const root = new URL('.', import.meta.url).pathname
const project = new URL('../../', import.meta.url)

/** Serves the page on a port of 127.0.0.1; 0 is a free one. */
export async function servePage(port = 0): Promise<{ url: string; close(): Promise<void> }> {
  const vite = await createServer({
    root,
    configFile: false,
    logLevel: 'error',
    clearScreen: false,
    server: { host: '127.0.0.1', port, strictPort: port > 0 },
    resolve: { alias: asInstalled() },
    esbuild: { jsx: 'automatic' },
  } as never)
  await vite.listen()
  const page = addressOf(vite)
  const backEnd = await startBackEnd(page)
  vite.config.env.VITE_ISSUER = backEnd.issuer
  vite.config.env.VITE_API = backEnd.api
  return {
    url: `${page}/`,
    async close() {
      await vite.close()
      backEnd.close()
    },
  }
}

/** In an application of yours `latchkey` is installed; here it is the build beside it. */
function asInstalled() {
  const { exports } = JSON.parse(readFileSync(new URL('package.json', project), 'utf8')) as {
    exports: Record<string, { default?: string }>
  }
  return Object.entries(exports)
    .filter(([, entry]) => entry.default)
    .map(([path, entry]) => ({
      find: new RegExp(`^${path.replace('.', 'latchkey')}$`),
      replacement: new URL(entry.default as string, project).pathname,
    }))
}

function addressOf(vite: ViteDevServer): string {
  const address = vite.httpServer?.address()
  if (typeof address !== 'object' || !address) throw new Error('The page is not served.')
  return `http://127.0.0.1:${address.port}`
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { url } = await servePage(Number(process.env.PORT ?? 0))
  console.log(`Open ${url}, sign in with any name and password, and load 60 orders at once. Ctrl-C ends it.`)
}
