import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fastifyRateLimit from '@fastify/rate-limit'
import express from 'express'
import { rateLimit } from 'express-rate-limit'
import fastify from 'fastify'
import { onTestFinished } from 'vitest'
import { freePorts } from './ports.ts'

// Limiters that nobody here wrote. Each gives its origin, and ends with the test.

export type ExpressForm = 'draft-6' | 'draft-7' | 'draft-8' | 'legacy'

/** express-rate-limit: `limit` requests in `window` milliseconds. */
export async function expressLimiter(form: ExpressForm, limit: number, window: number): Promise<string> {
  const app = express()
  app.use(
    rateLimit({
      limit,
      windowMs: window,
      legacyHeaders: form === 'legacy',
      standardHeaders: form === 'legacy' ? false : form,
      // The address is the key; nothing stands before this server.
      validate: false,
    }),
  )
  app.get('/', (_request, response) => void response.send('ok'))
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** @fastify/rate-limit: `limit` requests in `window` milliseconds. */
export async function fastifyLimiter(draft: boolean, limit: number, window: number): Promise<string> {
  const app = fastify()
  await app.register(fastifyRateLimit, { max: limit, timeWindow: window, enableDraftSpec: draft })
  app.get('/', async () => 'ok')
  onTestFinished(async () => {
    app.server.closeAllConnections()
    await app.close()
  })
  return app.listen({ host: '127.0.0.1', port: 0 })
}

/** nginx `limit_req`: so many a second and so many at once; it answers a bare 429. */
export async function nginxLimiter(perSecond: number, burst: number): Promise<string> {
  const [port] = await freePorts(1)
  return started('nginx', port as number, (folder) => ({
    file: 'nginx.conf',
    content: `daemon off; pid nginx.pid; error_log stderr crit; worker_processes 1;
events { worker_connections 512; }
http {
  access_log off; client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;
  limit_req_zone $binary_remote_addr zone=api:1m rate=${perSecond}r/s;
  server {
    listen 127.0.0.1:${port};
    location /ready { return 204; }
    location / { limit_req zone=api burst=${burst} nodelay; limit_req_status 429; try_files /index.html =404; root ${folder}; }
  }
}
`,
    arguments: ['-p', folder, '-c', 'nginx.conf'],
  }))
}

/** A HAProxy stick table: `limit` requests within any `window` seconds, the refused ones counted too. */
export async function haproxyLimiter(limit: number, window: number): Promise<string> {
  const [port] = await freePorts(1)
  return started('haproxy', port as number, (folder) => ({
    file: 'haproxy.cfg',
    content: `defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend api
  bind 127.0.0.1:${port}
  stick-table type ip size 1k expire 1m store http_req_rate(${window}s)
  http-request return status 204 if { path /ready }
  http-request track-sc0 src
  http-request return status 429 hdr Retry-After ${window} hdr RateLimit '"default";r=0;t=${window}' if { sc_http_req_rate(0) gt ${limit} }
  http-request return status 200 content-type text/plain string ok hdr RateLimit '"default";r=%[sc_http_req_rate(0),neg,add(${limit})];t=${window}' hdr RateLimit-Policy '"default";q=${limit};w=${window}'
`,
    arguments: ['-db', '-f', join(folder, 'haproxy.cfg')],
  }))
}

interface Configuration {
  readonly file: string
  readonly content: string
  readonly arguments: string[]
}

async function started(program: string, port: number, configure: (folder: string) => Configuration): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), `latchkey-${program}-`))
  const { file, content, arguments: given } = configure(folder)
  writeFileSync(join(folder, file), content)
  writeFileSync(join(folder, 'index.html'), 'ok')
  // The workers of nginx are nobody.
  chmodSync(folder, 0o755)
  const child: ChildProcess = spawn(program, given, { stdio: 'ignore' })
  onTestFinished(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), 2000)
    await ended
    clearTimeout(timer)
    rmSync(folder, { recursive: true, force: true })
  })
  const origin = `http://127.0.0.1:${port}`
  for (let tries = 0; tries < 100; tries++) {
    if (await fetch(`${origin}/ready`).catch(() => undefined)) return origin
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${program} does not listen`)
}
