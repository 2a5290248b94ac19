import { execFile, spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, it, onTestFinished, vi } from 'vitest'
import { backEnd } from '../../examples/cookie-session.ts'
import { guards } from '../../examples/run/guards.ts'
import { names, startPlace } from '../../examples/run/place.ts'
import worker from '../../examples/worker.ts'
import { api } from '../servers/api.ts'
import { authorizationServer, CLIENT_ID, CLIENT_SECRET } from '../servers/authorization.ts'

const run = promisify(execFile)
const RUN = 'examples/run/run.ts'

it.each([...Object.keys(guards), 'service', 'worker'])('npm run example -- %s: Ada is let in', async (name) => {
  const { stdout, stderr } = await run(process.execPath, [RUN, name])
  expect(stderr.replaceAll(/.*ExperimentalWarning.*|.*trace-warnings.*/g, '').trim()).toBe('')
  expect(stdout).toContain('Ada')
})

it.each([...Object.keys(guards), 'service'])('and with other credentials, examples/%s.ts is not', async (name) => {
  const place = await startPlace(name)
  onTestFinished(() => place.close())
  const { API_URL = '', ...env } = place.env
  const others = name === 'jwt' || name === 'message-signature' ? (guards[name]?.().env as object) : turned(env)
  const given = { ...process.env, ...env, ...others, API_URL }
  const { stdout, stderr = '' } = await run(process.execPath, [`examples/${name}.ts`], { env: given }).catch((e) => e)
  expect(stdout + stderr).toMatch(/401|invalid_client/)
  expect(stdout).not.toContain('Ada')
})

/** The first of the secrets, and another one than that. */
function turned(env: Readonly<Record<string, string>>): Record<string, string> {
  const name = Object.keys(env).findLast((key) => key !== 'ISSUER') as string
  return { [name]: 'another' }
}

it.each(['device-login', 'loopback-login'])('npm run example -- %s signs in whoever opens the page', async (name) => {
  const program = spawn(process.execPath, [RUN, name])
  let output = ''
  program.stdout.on('data', async (chunk) => {
    output += chunk
    const [, code] = /type (\S+)/.exec(String(chunk)) ?? []
    const [, place] = /Open (\S+)/.exec(String(chunk)) ?? []
    if (!place) return
    const visit = visitor()
    let page = await visit(place)
    // Whatever is asked is answered: the code, a name, a yes.
    while (page.form) page = await visit(page.form, { ...page.fields, ...answered(page.names, code) })
  })
  program.stderr.on('data', (chunk) => (output += chunk))
  await new Promise((resolve) => program.on('exit', resolve))
  expect(output).toContain('Ada')
  expect(program.exitCode).toBe(0)
})

const answered = (names: readonly string[], code = '') =>
  Object.fromEntries(names.map((name) => [name, name === 'user_code' ? code : name === 'login' ? 'ada' : 'any']))

/** A user agent with cookies: gives the form of the page where it ends. */
function visitor() {
  const cookies = new Map<string, string>()
  return async (start: string, fields?: Record<string, string>) => {
    let [url, body] = [start, fields && new URLSearchParams(fields)]
    for (;;) {
      const cookie = [...cookies].map((pair) => pair.join('=')).join('; ')
      const answer = await fetch(url, {
        redirect: 'manual',
        headers: { cookie },
        ...(body && { method: 'POST', body }),
      })
      body = undefined
      for (const set of answer.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? []
        if (value) cookies.set(name, value)
        else cookies.delete(name)
      }
      const location = answer.headers.get('location')
      if (!location) return formOf(await answer.text(), url)
      url = new URL(location, url).href
    }
  }
}

function formOf(html: string, url: string) {
  const form = /<form[^>]*action="([^"]*)"[^>]*method="post"|<form[^>]*method="post"[^>]*action="([^"]*)"/.exec(html)
  const inputs = [...html.matchAll(/<input[^>]*>/g)].map(([input]) => input)
  const attribute = (input: string, name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(input)?.[1] ?? ''
  const hidden = inputs.filter((input) => attribute(input, 'type') === 'hidden')
  return {
    form: form && new URL((form[1] ?? form[2]) as string, url).href,
    fields: Object.fromEntries(hidden.map((input) => [attribute(input, 'name'), attribute(input, 'value')])),
    names: inputs.filter((input) => !hidden.includes(input)).map((input) => attribute(input, 'name')),
  }
}

it('examples/worker.ts answers from an API it has a token for, and says what went wrong', async () => {
  const as = await authorizationServer()
  const { url } = await api(({ headers, url }) => {
    if (!as.isGood((headers.authorization ?? '').replace('Bearer ', ''))) return { status: 401 }
    if (url === '/busy') return { status: 429, headers: { 'retry-after': '60' } }
    if (url !== '/users/42') return { status: 404 }
    return { headers: { 'content-type': 'application/json' }, body: '{"name":"Ada"}' }
  })
  const env = { API_URL: url, ISSUER: as.issuer, CLIENT_ID, CLIENT_SECRET }
  const ask = (path: string) => worker.fetch(new Request(`https://edge.example/${path}`), env)
  expect(await (await ask('users/42')).json()).toEqual({ name: 'Ada' })
  expect((await ask('users/43')).status).toBe(404)
  expect((await ask('busy')).status).toBe(502)
  const held = await ask('users/42')
  expect(held.status).toBe(503)
  expect(Number(held.headers.get('retry-after'))).toBeGreaterThan(50)
})

it('examples/cookie-session.ts proves the page by a header', async () => {
  const { url, seen } = await api()
  vi.stubGlobal('document', { cookie: 'XSRF-TOKEN=proof' })
  onTestFinished(() => void vi.unstubAllGlobals())
  await backEnd(url).post('orders', { json: {} })
  expect(seen[0]?.headers['x-xsrf-token']).toBe('proof')
})

it('every example that is a program of its own can be run, and the list says what it is', async () => {
  const files = globSync('examples/*.ts').map((file) => file.replaceAll('\\', '/').slice(9, -3))
  expect([...names, 'cookie-session'].sort()).toEqual(files.sort())
  const { stdout } = await run(process.execPath, [RUN])
  for (const name of names) expect(stdout).toMatch(new RegExp(`^npm run example -- ${name} +[A-Z]`, 'im'))
  await expect(run(process.execPath, [RUN, 'nothing'])).rejects.toThrow('There is no example of the name nothing.')
})

it('the README names every example, and every example it names exists', () => {
  const readme = readFileSync('README.md', 'utf8')
  const named = [...readme.matchAll(/\(examples\/([\w-]+)\.ts\)/g)].map((match) => match[1])
  const files = globSync('examples/*.ts').map((file) => file.replaceAll('\\', '/').slice(9, -3))
  expect(named.sort()).toEqual(files.sort())
})
