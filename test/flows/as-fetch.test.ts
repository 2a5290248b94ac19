import { expect, it } from 'vitest'
import { createFetch } from '../../src/fetch.ts'
import { type Arrived, type Said, serve } from '../servers/raw.ts'

// Where there is nothing to add, our fetch is the platform's: what arrives, and what comes back.

function said({ method, target, headers, body }: Arrived): Said {
  const { pathname, searchParams } = new URL(target, 'http://host')
  const hop = /^\/hop-(\d+)$/.exec(pathname)
  if (hop) return { status: Number(hop[1]), headers: { location: searchParams.get('to') ?? '/end' } }
  const status = Number(searchParams.get('status') ?? 200)
  const { host: _, connection: __, ...fields } = headers
  const text = JSON.stringify({ method, target, fields: Object.entries(fields).sort(), body: body.toString() })
  return { status, headers: { 'set-cookie': 'a=1' }, ...(status !== 204 && status !== 304 && { body: text }) }
}

let origin = ''
const stream = () => new Blob(['in a stream']).stream()
const cases: Record<string, (fetch: typeof globalThis.fetch) => Promise<Response>> = {
  'a query and a fragment': (fetch) => fetch(`${origin}/a?b=%20c#d`),
  'a URL': (fetch) => fetch(new URL(`${origin}/a`)),
  'a method in small letters': (fetch) => fetch(origin, { method: 'post', body: 'x' }),
  HEAD: (fetch) => fetch(origin, { method: 'HEAD' }),
  'headers as pairs, one twice': (fetch) => fetch(origin, { headers: [['A', 'b'], ['a', 'c']] }), // biome-ignore format: one line
  'a cookie and a user agent': (fetch) => fetch(origin, { headers: { cookie: 'a=b', 'user-agent': 'me' } }),
  text: (fetch) => fetch(origin, { method: 'POST', body: 'x' }),
  'empty text': (fetch) => fetch(origin, { method: 'POST', body: '' }),
  'no body': (fetch) => fetch(origin, { method: 'POST', body: null }),
  'a form': (fetch) => fetch(origin, { method: 'POST', body: new URLSearchParams('a=1&b=ü') }),
  'a Blob': (fetch) => fetch(origin, { method: 'PUT', body: new Blob(['x'], { type: 'a/b' }) }),
  bytes: (fetch) => fetch(origin, { method: 'PATCH', body: new Uint8Array([65, 66]).subarray(1) }),
  'a stream': (fetch) => fetch(origin, { method: 'POST', body: stream(), duplex: 'half' } as RequestInit),
  'a Request': (fetch) => fetch(new Request(`${origin}/r`, { method: 'POST', body: 'x', headers: { a: 'b' } })),
  'a Request and more': (fetch) =>
    fetch(new Request(origin, { method: 'POST', body: 'x' }), { method: 'PUT', body: 'y' }),
  'a Request that was aborted': (fetch) => fetch(new Request(origin, { signal: AbortSignal.abort(new Error('no')) })),
  'a signal that was aborted': (fetch) => fetch(origin, { signal: AbortSignal.abort('no') }),
  ...Object.fromEntries(
    [204, 304, 404, 500, 503].map((status) => [`status ${status}`, (fetch) => fetch(`${origin}/?status=${status}`)]),
  ),
  ...Object.fromEntries(
    [301, 302, 303, 307, 308].flatMap((status) =>
      ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'].map((method) => [
        `${method} and a redirect with ${status}`,
        (fetch) => fetch(`${origin}/hop-${status}`, { method, headers: { 'x-a': 'b' }, ...(method.startsWith('P') && { body: 'x' }) }), // biome-ignore format: one line
      ]),
    ),
  ),
  'redirects, one after the other': (fetch) => fetch(`${origin}/hop-302?to=/hop-301%3Fto=/a%23part`),
  "redirect: 'manual'": (fetch) => fetch(`${origin}/hop-302`, { redirect: 'manual' }),
}

it.each(Object.entries(cases))('%s: as fetch does', async (_, ask) => {
  origin = await serve(said)
  const ours = createFetch({ retry: 0 }) as typeof globalThis.fetch
  expect(await outcome(ask(ours))).toEqual(await outcome(ask(globalThis.fetch)))
})

async function outcome(answer: Promise<Response>): Promise<unknown> {
  try {
    const response = await answer
    const { status, statusText, ok, url, type, redirected, headers } = response
    const copy = response.clone()
    return {
      ...{
        status,
        statusText,
        ok,
        url,
        type,
        redirected,
        cookies: headers.getSetCookie(),
        empty: response.body === null,
      },
      copy: [copy.url, copy.type, copy.redirected, await copy.text()],
      text: await response.text(),
    }
  } catch (error) {
    return error
  }
}
