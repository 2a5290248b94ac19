// What a program holds in its hand beside a client: errors told apart, secrets, explanations, clocks, limiters, bytes.
import {
  apiKey,
  createClient,
  createLimiter,
  explain,
  isHTTPError,
  isKyError,
  isNetworkError,
  isSecret,
  isTimeoutError,
  replaceOption,
  Secret,
  timeAt,
} from 'latchkey'
import { concat, digestStream, fromUtf8, hex, hmac, percentEncode, utf8 } from 'latchkey/hmac'
import { equal, safely } from './checks.mjs'

export function faces({ baseUrl, trace, timesOf }) {
  const key = apiKey({ name: 'X-API-Key', value: 'key' })
  const client = createClient({ baseUrl, auth: key, retry: 0 })
  const failure = (path, options) => client.get(path, options).then(String, (error) => error)
  const signer = () =>
    hmac({
      secret: 'secret',
      hash: 'sha256',
      encoding: 'hex',
      message: ({ timestamp, method, target }) => `${timestamp}${method}${target}`,
      place: ({ timestamp, signature }) => ({ headers: { 'x-time': timestamp, 'x-signature': signature } }),
    })

  return {
    async 'errors are told apart by their guards'() {
      const kinds = { isHTTPError, isNetworkError, isTimeoutError }
      const errors = {
        isHTTPError: await failure('fails/404'),
        isNetworkError: await failure('http://127.0.0.1:1/', { auth: false }),
        isTimeoutError: await failure('hangs', { timeout: 50 }),
      }
      for (const [kind, error] of Object.entries(errors)) {
        equal(isKyError(error), true, kind)
        for (const [name, guard] of Object.entries(kinds)) equal(guard(error), name === kind, `${kind} ${name}`)
      }
      equal((await errors.isHTTPError.data).ok, false)
    },
    async 'a secret is one, and shows itself nowhere'() {
      const secret = new Secret('hidden')
      equal([isSecret(secret), isSecret('hidden')].join(), 'true,false')
      equal(`${secret}${safely(() => JSON.stringify({ secret }))}`.includes('hidden'), false)
    },
    async 'a client that grows from another replaces what it is told to'() {
      const [one, two] = [{ 'x-one': '1' }, { 'x-two': '2' }].map((headers) => ({ headers }))
      const grown = client.extend(one).extend({ headers: replaceOption(two.headers) })
      equal(JSON.stringify(await grown.get('fields').json()), '["x-two"]')
    },
    async 'a signature that was refused says what was signed'() {
      const error = await failure('hmac/refused', {
        auth: [signer(), apiKey({ in: 'query', name: 'k', value: 'k3y' })],
      })
      const { stringToSign } = await explain(error)
      equal(/^\d{10}GET\/hmac\/refused\?k=<redacted>$/.test(stringToSign), true, stringToSign)
    },
    async 'a clock that is off heals by the time of the server, also where that is hidden'() {
      const ask = (path, options) =>
        createClient({ baseUrl, retry: 0, auth: signer(), ...options })
          .get(path)
          .json()
      equal((await ask('ahead')).ok, true)
      equal((await ask('ahead?hidden', { clock: timeAt('/clock') })).ok, true)
    },
    async 'two clients that share a limiter share its gate'() {
      const path = trace('limited')
      const limiter = createLimiter()
      const [one, two] = [0, 1].map(() => createClient({ baseUrl, auth: key, limiter }))
      equal((await one.get(path, { retry: 0, throwHttpErrors: false })).status, 429)
      equal((await two.get(path)).status, 200)
      const [refused, next] = await timesOf(path)
      equal(next - refused >= 990, true, `after ${next - refused} ms`)
    },
    async 'bytes for schemes of your own'() {
      const bytes = concat(utf8('a'), utf8('bc'))
      equal(fromUtf8(bytes), 'abc')
      const digest = hex(await digestStream('sha256', new Blob([bytes]).stream()))
      equal(digest, 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
      equal(percentEncode("a b/ü'*~"), 'a%20b%2F%C3%BC%27%2A~')
    },
  }
}
