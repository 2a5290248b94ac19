import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { sigv4 } from '../../src/aws/aws.ts'
import { createFetch } from '../../src/fetch.ts'
import { hmac } from '../../src/hmac/hmac.ts'
import { alibabaAcs3 } from '../../src/hmac/presets/alibaba-acs3.ts'
import { googleHmac } from '../../src/hmac/presets/google-hmac.ts'
import { tencentTc3 } from '../../src/hmac/presets/tencent-tc3.ts'
import { type AuthStrategy, apiKey, createClient, explain, type HTTPError } from '../../src/index.ts'
import { serve } from '../servers/raw.ts'

const SECRET = 'the-secret/of+a signature'
const KEY = "an API key's + value"

const signer = (secret = SECRET) =>
  hmac({
    keyId: 'public',
    secret,
    credentials: { passphrase: 'pass phrase' },
    hash: 'sha256',
    encoding: 'hex',
    message: ({ timestamp, method, target, headers, bodyText, credentials }) =>
      [timestamp, method, target, headers.get('x-app'), bodyText, credentials.passphrase, encodeURIComponent(secret)].join('\n'), // biome-ignore format: one line
    place: ({ timestamp, signature }) => ({ headers: { 'X-Time': timestamp, 'X-Signature': signature } }),
  })
const beside = [apiKey({ in: 'query', name: 'app', value: KEY }), apiKey({ name: 'X-App', value: 'header key' })]
const refusing = (status: number, body = '{"error":"bad signature"}') =>
  serve(() => ({ status, headers: { 'content-type': 'application/json' }, body }))

describe('8 a refused request explains itself', () => {
  it.each([400, 401, 403])('an HTTPError with status %s shows what was signed, and no secret', async (status) => {
    const client = createClient({ baseUrl: await refusing(status), auth: [...beside, signer()] })
    const error = await client.post('a%20b?q=1', { json: { n: 'ü' } }).catch((error: HTTPError) => error)
    const { stringToSign, difference } = (await explain(error)) ?? {}
    const lines = stringToSign?.split('\n') ?? []
    expect(lines[0]).toMatch(/^\d{10}$/)
    expect(lines.slice(1)).toEqual([
      'POST',
      '/a%20b?q=1&app=<redacted>',
      '<redacted>',
      '{"n":"ü"}',
      '<redacted>',
      '<redacted>',
    ])
    expect(difference).toBeUndefined()
  })

  it('a Response of fetch does too, unread or read, with and without a deadline', async () => {
    const baseUrl = await refusing(401)
    for (const totalTimeout of [false, 10_000] as const) {
      const response = await createFetch({ baseUrl, auth: signer(), totalTimeout })('/x')
      expect((await explain(response))?.stringToSign).toContain('\nGET\n/x\n')
      expect(await response.json()).toEqual({ error: 'bad signature' })
      expect((await explain(response))?.stringToSign).toContain('\nGET\n/x\n')
    }
  })

  it('says what differs where a server quotes what it expected', async () => {
    let quoted = ''
    const baseUrl = await serve(() => ({ status: 403, body: quoted }))
    const client = createClient({ baseUrl, auth: signer(), retry: 0 })
    const first = await explain(await client.get('a').catch((error: HTTPError) => error))
    quoted = `<Error><StringToSign>${first?.stringToSign.replace('/a', '/A').replace(/^\d+/, '0')}</StringToSign></Error>`
    const second = await explain(await client.get('a').catch((error: HTTPError) => error))
    expect(second?.difference).toMatch(/^- \d{10}\n\+ 0\n- \/a\n\+ \/A$/)
    quoted = `<AuthenticationErrorDetail>Server used following string to sign: 'GET\n\n'.</AuthenticationErrorDetail>`
    const azure = await explain(await client.get('a').catch((error: HTTPError) => error))
    expect(azure?.difference).toContain('- /a\n')
  })

  it('shows bytes that are no text', async () => {
    const auth = hmac({
      secret: SECRET,
      hash: 'sha256',
      encoding: 'hex',
      message: () => ['/a', Uint8Array.of(0, 65, 255)],
      place: ({ signature }) => ({ headers: { 'X-Signature': signature } }),
    })
    const response = await createFetch({ baseUrl: await refusing(401), auth })('/')
    expect((await explain(response))?.stringToSign).toBe('/a\\x00A\\xff')
  })

  it('a strategy of your own can, and says nothing unless it is asked', async () => {
    let asked = 0
    const own: AuthStrategy = {
      places: ['header:x-own'],
      authenticate: (request, attempt) => {
        request.headers.set('x-own', 'own')
        attempt.explain((said) => ({ stringToSign: `own ${KEY} ${++asked} ${said}` }))
      },
    }
    const response = await createFetch({ baseUrl: await refusing(401, 'no'), auth: [own, ...beside] })('/')
    expect(asked).toBe(0)
    expect(await explain(response)).toEqual({ stringToSign: 'own <redacted> 1 no' })
  })

  it('nothing where nothing was signed, or nothing was refused', async () => {
    const refused = await createFetch({ baseUrl: await refusing(401), auth: beside })('/')
    const fine = await createFetch({ baseUrl: await refusing(200), auth: signer() })('/')
    for (const value of [refused, fine, new Response(), new Error('x'), undefined, null, 1])
      expect(await explain(value)).toBeUndefined()
  })

  it('a canonical request of AWS is shown without what others put into it', async () => {
    const credentials = { accessKeyId: 'id', secretAccessKey: SECRET, sessionToken: 'session-token' }
    const auth = [...beside, sigv4({ service: 'execute-api', region: 'eu-west-1', credentials, signedHeaders: ['x-app'] })] // biome-ignore format: one line
    const response = await createFetch({ baseUrl: await refusing(403), auth })('/a')
    const { canonicalRequest } = (await explain(response)) ?? {}
    expect(canonicalRequest).toContain('/a\napp=<redacted>\n')
    expect(canonicalRequest).toContain('\nx-amz-security-token:<redacted>\nx-app:<redacted>\n')
  })

  it.each([
    ['tencent-tc3', tencentTc3, true],
    ['alibaba-acs3', alibabaAcs3, true],
    ['google-hmac', googleHmac, false],
  ] as const)('the canonical request of %s is the one whose hash is signed', async (_, preset, temporary) => {
    let said = ''
    const baseUrl = await serve(() => ({ status: 403, body: said }))
    const ask = async (...others: AuthStrategy[]) => {
      const key = { keyId: 'public', secret: SECRET, ...(temporary && { token: KEY }) }
      const fetch = createFetch({ baseUrl, auth: [...others, preset(key)], retry: 0 })
      return explain(await fetch('/a', { headers: { 'content-type': 'text/plain' } }))
    }
    const { canonicalRequest = '', stringToSign = '', difference } = (await ask()) ?? {}
    expect(canonicalRequest).toMatch(/^GET\n\/a\n\ncontent-type:text\/plain\nhost:/)
    if (!canonicalRequest.includes('<redacted>'))
      expect(stringToSign.split('\n').pop()).toBe(createHash('sha256').update(canonicalRequest).digest('hex'))
    expect(difference).toBeUndefined()
    said = `<Error><CanonicalRequest>${canonicalRequest.replace('/a', '/A').replaceAll('<', '&lt;')}</CanonicalRequest></Error>`
    const beside = await ask(apiKey({ in: 'query', name: 'app', value: 'the key of an app' }))
    expect(beside?.canonicalRequest).toContain('GET\n/a\napp=<redacted>\n')
    expect(beside?.difference).toMatch(/^- \/a\n- app=<redacted>\n\+ \/A\n\+ (\n|$)/)
    expect(JSON.stringify(beside)).not.toContain(KEY)
  })
})
