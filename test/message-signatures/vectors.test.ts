import { describe, expect, it } from 'vitest'
import { fromBase64, utf8 } from '../../src/crypto/bytes.ts'
import { checkDigest, contentDigest, type DigestAlgorithm } from '../../src/http/content-digest.ts'
import { type InnerList, parseDictionary } from '../../src/http/structured-field.ts'
import { wantedDigest } from '../../src/http/wanted-digest.ts'
import { importKey, type SignatureAlgorithm, sign } from '../../src/message-signatures/algorithms.ts'
import { componentValue, parseComponent } from '../../src/message-signatures/components.ts'
import {
  type Message,
  type RequestMessage,
  SignatureError,
  signatureVerifier,
} from '../../src/message-signatures/message-signatures.ts'
import { signatureBase } from '../../src/message-signatures/signature-base.ts'
import rfc9421 from '../vectors/message-signatures/rfc9421.json' with { type: 'json' }
import rfc9530 from '../vectors/message-signatures/rfc9530.json' with { type: 'json' }

type Lines = readonly (readonly [string, string])[]
const keys = rfc9421.keys as Record<string, JsonWebKey>
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))

describe('RFC 9421, signatures', () => {
  expect(rfc9421.signatures).toHaveLength(19)
  for (const vector of rfc9421.signatures) {
    const { label, keyid, valid, base, deterministic } = vector
    const algorithm = vector.algorithm as SignatureAlgorithm
    const request = vector.request as unknown as RequestMessage | undefined
    const unsigned = vector.message as unknown as Message
    const message = {
      ...unsigned,
      headers: [...(unsigned.headers as Lines), ['Signature-Input', vector.input], ['Signature', vector.signature]],
    } as unknown as Message
    const verifier = signatureVerifier({
      label,
      components: [],
      maxAge: false,
      keys: (found) => (found.keyid === keyid ? { key: keys[keyid] as JsonWebKey, algorithm } : undefined),
    })
    const context = { now: 1_618_884_500_000, body: utf8(vector.body), ...(request && { request }) }

    it(`12 ${vector.name}: ${valid ? 'verifies' : 'does not verify'}`, async () => {
      const outcome = verifier.verify(message, context)
      if (valid) expect(await outcome).toMatchObject({ label, keyid })
      else await expect(outcome).rejects.toMatchObject({ code: 'signature_invalid' })
    })

    const input = parseDictionary(vector.input)?.get(label) as InnerList
    if (base) {
      it(`12 ${vector.name}: the same signature base`, () => {
        expect(signatureBase(input, { message: unsigned, request })).toBe(base)
      })

      it(`12 ${vector.name}: ${deterministic ? 'signs the same' : 'signs what verifies'}`, async () => {
        const signature = await sign(algorithm, await importKey(keys[keyid] as JsonWebKey, algorithm, 'sign'), base)
        const written = parseDictionary(vector.signature)?.get(label) as { value: string }
        if (deterministic) expect(signature).toEqual(fromBase64(written.value.slice(1, -1)))
        const own = vector.signature.replace(written.value, `:${Buffer.from(signature).toString('base64')}:`)
        const resigned = { ...message, headers: [...(message.headers as Lines).slice(0, -1), ['Signature', own]] }
        expect(await verifier.verify(resigned as unknown as Message, context)).toMatchObject({ label })
      })
    }
  }
})

describe('RFC 9421, components', () => {
  expect(rfc9421.components).toHaveLength(43)
  for (const { component, section, value, type, ...rest } of rfc9421.components) {
    const message = rest as unknown as RequestMessage
    const request = rest.method === 'patch' ? 'in lower case' : rest.url

    it(`12 ${section} ${component} of ${request}: ${value ?? 'refused'}`, () => {
      const structuredFields = type ? { 'example-dict': type as 'dictionary' } : {}
      const read = () => componentValue(parseComponent(component), { message, structuredFields })
      if (value === undefined) expect(read).toThrow(SignatureError)
      else expect(read()).toBe(value)
    })
  }
})

describe('RFC 9530', () => {
  for (const { section, field, digests, text, hex } of rfc9530.digests)
    it(`10 ${section} ${field}`, async () => {
      const body = hex === undefined ? utf8(text as string) : bytesOf(hex)
      for (const [name, value] of Object.entries(digests)) {
        expect(await contentDigest(body, name as DigestAlgorithm)).toBe(`${name}=:${value}:`)
        expect(await checkDigest(`${name}=:${value}:`, body)).toBe('right')
        expect(await checkDigest(`${name}=:${value}:`, utf8('other'))).toBe('wrong')
      }
    })

  it('10 digests of insecure algorithms prove nothing', async () => {
    const { insecure, text } = rfc9530.digests[0] as { insecure: Record<string, string>; text: string }
    for (const [name, value] of Object.entries(insecure))
      expect(await checkDigest(`${name}=:${value}:`, utf8(text))).toBe('unknown')
  })

  for (const { field, value, weights } of rfc9530.wanted)
    it(`10 ${field}: ${value}`, () => {
      const known = Object.entries(weights).filter(([name]) => ['sha-256', 'sha-512'].includes(name))
      expect(wantedDigest(value)).toBe(known.sort((a, b) => b[1] - a[1])[0]?.[0])
    })
})
