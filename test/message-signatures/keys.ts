import { constants, createPrivateKey, createPublicKey, createSecretKey, type KeyObject, sign } from 'node:crypto'
import { createSigner, createVerifier, type httpbis } from 'http-message-signatures'
import type { SignatureAlgorithm } from '../../src/message-signatures/message-signatures.ts'
import rfc9421 from '../vectors/message-signatures/rfc9421.json' with { type: 'json' }

type PeerSigner = Parameters<typeof httpbis.signMessage>[0]['key']

const published = rfc9421.keys as Record<string, JsonWebKey>
const p384: JsonWebKey = await (async () => {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify'])
  return crypto.subtle.exportKey('jwk', pair.privateKey)
})()

/** A private JWK, or a secret, of each algorithm of the registry. */
export const keys: Readonly<Record<SignatureAlgorithm, JsonWebKey>> = {
  'hmac-sha256': published['test-shared-secret'] as JsonWebKey,
  'rsa-pss-sha512': published['test-key-rsa-pss'] as JsonWebKey,
  'rsa-v1_5-sha256': published['test-key-rsa'] as JsonWebKey,
  'ecdsa-p256-sha256': published['test-key-ecc-p256'] as JsonWebKey,
  'ecdsa-p384-sha384': p384,
  ed25519: published['test-key-ed25519'] as JsonWebKey,
}
export const algorithms = Object.keys(keys) as SignatureAlgorithm[]

export function publicKey(algorithm: SignatureAlgorithm): KeyObject {
  const key = keys[algorithm]
  return algorithm === 'hmac-sha256'
    ? createSecretKey(Buffer.from(key.k as string, 'base64url'))
    : createPublicKey({ key: key as never, format: 'jwk' })
}

export function privateKey(algorithm: SignatureAlgorithm): KeyObject {
  return algorithm === 'hmac-sha256'
    ? publicKey(algorithm)
    : createPrivateKey({ key: keys[algorithm] as never, format: 'jwk' })
}

/** The same keys for `http-message-signatures`. */
export const peerVerifier = (algorithm: SignatureAlgorithm) => ({
  id: algorithm,
  algs: [algorithm],
  verify: createVerifier(publicKey(algorithm) as never, algorithm),
})

export function peerSigner(algorithm: SignatureAlgorithm): PeerSigner {
  // Its own takes the longest salt there is, where RFC 9421, section 3.3.1, wants 64 bytes.
  if (algorithm === 'rsa-pss-sha512')
    return {
      id: algorithm,
      alg: algorithm,
      sign: async (data) =>
        sign('sha512', data, {
          key: privateKey(algorithm),
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: 64,
        }),
    }
  return createSigner(privateKey(algorithm) as never, algorithm, algorithm)
}
