import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { bearer, createClient, explain } from '../../src/index.ts'
import { messageSignature } from '../../src/message-signatures/message-signatures.ts'
import { api } from '../servers/api.ts'
import { keys } from './keys.ts'

it('8 a refusal explains what was signed, without the credentials of others', async () => {
  const { url } = await api(() => ({ status: 401, body: 'no' }))
  const auth = [
    messageSignature({ key: keys.ed25519, algorithm: 'ed25519', keyid: 'k', nonce: () => 'n' }),
    bearer('token-of-another'),
  ]
  const error = await createClient({ baseUrl: url, auth })
    .post('a?b', { body: 'x' })
    .catch((reason: unknown) => reason)
  const { host } = new URL(url)
  const { stringToSign } = (await explain(error)) ?? {}
  expect(stringToSign?.split('\n')).toEqual([
    '"@method": POST',
    `"@authority": ${host}`,
    '"@path": /a',
    '"@query": ?b',
    `"content-digest": sha-256=:${createHash('sha256').update('x').digest('base64')}:`,
    '"authorization": <redacted>',
    '"content-type": text/plain;charset=UTF-8',
    expect.stringMatching(/^"@signature-params": \(.*\);created=\d+;nonce="n";keyid="k"$/),
  ])
})
