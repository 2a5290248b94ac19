import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** What arrived, before anybody parsed it. */
export interface Arrived {
  readonly method: string
  readonly target: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface Said {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** A server on loopback that ends with the test; `answer` sees the raw request. Returns its origin. */
export async function serve(answer: (arrived: Arrived) => Said | Promise<Said>): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { method = '', url = '', headers } = request
    const {
      status = 200,
      headers: fields,
      body,
    } = await answer({ method, target: url, headers, body: Buffer.concat(chunks) })
    response.writeHead(status, fields).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
