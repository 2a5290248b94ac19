import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** A request as it came over the wire. */
export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Reading of `performance.now()` when its head arrived. */
  readonly at: number
}

export type Reply = { status?: number; headers?: Record<string, string>; body?: string }

/** What the API does with request `index`, from 0: a reply, or the response itself in its own hands. */
export type Script = (request: Seen, index: number, response: ServerResponse) => Reply | void | Promise<Reply | void>

/** A real server on loopback that remembers what it got, and ends with the test. */
export async function api(script: Script = () => ({})): Promise<{ url: string; origin: string; seen: Seen[] }> {
  const seen: Seen[] = []
  const server = createServer((incoming, response) => {
    const at = performance.now()
    const chunks: Buffer[] = []
    incoming.on('data', (chunk) => chunks.push(chunk))
    incoming.on('error', () => {})
    incoming.on('end', async () => {
      const { method = '', url = '', headers } = incoming
      const request = { method, url, headers, body: Buffer.concat(chunks), at }
      const reply = await script(request, seen.push(request) - 1, response)
      if (reply) response.writeHead(reply.status ?? 200, reply.headers).end(reply.body ?? 'ok')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url: `${origin}/`, origin, seen }
}

/** Replies in this order; the last one stays. */
export function inOrder(...replies: Reply[]): Script {
  return (_, index) => replies[Math.min(index, replies.length - 1)]
}

export const limited = (retryAfter?: string): Reply => ({
  status: 429,
  ...(retryAfter !== undefined && { headers: { 'retry-after': retryAfter } }),
  body: 'slow down',
})
