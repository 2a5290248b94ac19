import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { importKey, type KeySource } from '../../src/crypto/key.ts'
import { CredentialError } from '../../src/errors.ts'

const ES256 = { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' } as const
const HS256 = { name: 'HMAC', hash: 'SHA-256' } as const
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = (type: 'pkcs8' | 'sec1') => privateKey.export({ type, format: 'pem' }) as string
const open = publicKey.export({ type: 'spki', format: 'pem' }) as string
const jwk = { ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'enc', key_ops: ['verify'] } as JsonWebKey
const unfit = (why: string) => new CredentialError('credential_invalid', why)
const data = new TextEncoder().encode('text')

describe('a key, in whatever form', () => {
  it.each([
    ['PKCS #8', pem('pkcs8'), open],
    ['SEC 1, with line breaks of an environment variable', pem('sec1').replaceAll('\n', '\\n'), open],
    ['a JWK, of which the public half is taken to verify', jwk, jwk],
  ])('%s', async (_, forSign: KeySource, forVerify: KeySource) => {
    const signing = await importKey(forSign, 'ES256', ES256, 'sign', unfit)
    const verifying = await importKey(forVerify, 'ES256', ES256, 'verify', unfit)
    const signature = await crypto.subtle.sign(ES256, signing, data)
    expect(await crypto.subtle.verify(ES256, verifying, signature, data)).toBe(true)
    expect(verifying.type).toBe('public')
    expect(await importKey(signing, 'ES256', ES256, 'sign', unfit)).toBe(signing)
    await expect(importKey(signing, 'ES256', ES256, 'verify', unfit)).rejects.toThrow('made for something else')
  })

  it.each<[string, KeySource, typeof ES256 | typeof HS256, 'sign' | 'verify']>([
    ['it is no PEM', 'secret', ES256, 'sign'],
    ['it is a PUBLIC KEY', open, ES256, 'sign'],
    ['it is a PRIVATE KEY', pem('pkcs8'), ES256, 'verify'],
    ['it is a public one', publicKey.export({ format: 'jwk' }) as JsonWebKey, ES256, 'sign'],
    ['it is bytes', data, ES256, 'sign'],
    ['it is empty', new Uint8Array(), HS256, 'sign'],
    ['cannot read it', { ...jwk, x: 'AA' }, ES256, 'sign'],
    ['cannot read it', open.replace(/M/g, 'N'), ES256, 'verify'],
  ])('is refused where %s', async (why, source, parameters, usage) => {
    const refused = importKey(source, 'of the test', parameters, usage, unfit)
    await expect(refused).rejects.toMatchObject({ code: 'credential_invalid', message: expect.stringContaining(why) })
  })
})
