// What AWS does with a signature: computes the canonical request from what arrived, by the words of its documentation.
import { createECDH, createHash, createHmac, createPublicKey, verify } from 'node:crypto'

const ID = 'id'
const SECRET = 'secret'
const sha256 = (data) => createHash('sha256').update(data).digest('hex')
const mac = (key, data) => createHmac('sha256', key).update(data).digest()

/** True when the request is signed for S3, in its header or its query, with Signature Version 4 or 4A. */
export function opensS3({ method, url: target, headers }, body) {
  const [path, query = ''] = target.split('?')
  const pairs = query.split('&').filter((pair) => pair && !pair.startsWith('X-Amz-Signature='))
  const inQuery = new URLSearchParams(query)
  const inHeader = Object.fromEntries(
    [...(headers.authorization ?? '').matchAll(/(\w+)=([^,\s]+)/g)].map(([, name, value]) => [name, value]),
  )
  const given = inQuery.has('X-Amz-Signature')
    ? {
        algorithm: inQuery.get('X-Amz-Algorithm'),
        credential: inQuery.get('X-Amz-Credential'),
        names: inQuery.get('X-Amz-SignedHeaders'),
        signature: inQuery.get('X-Amz-Signature'),
        at: inQuery.get('X-Amz-Date'),
        content: 'UNSIGNED-PAYLOAD',
      }
    : {
        algorithm: (headers.authorization ?? '').split(' ')[0],
        credential: inHeader.Credential,
        names: inHeader.SignedHeaders,
        signature: inHeader.Signature,
        at: headers['x-amz-date'],
        content: headers['x-amz-content-sha256'],
      }
  if (!given.signature || (given.content !== 'UNSIGNED-PAYLOAD' && given.content !== sha256(body))) return false
  const fields = given.names.split(';').map((name) => `${name}:${headers[name].trim().replaceAll(/ +/g, ' ')}\n`)
  const canonical = [method, path, pairs.sort().join('&'), fields.join(''), given.names, given.content].join('\n')
  const [id, ...scope] = given.credential.split('/')
  const text = [given.algorithm, given.at, scope.join('/'), sha256(canonical)].join('\n')
  if (id !== ID) return false
  if (given.algorithm === 'AWS4-ECDSA-P256-SHA256')
    return verify('sha256', Buffer.from(text), publicKey(), Buffer.from(given.signature, 'hex'))
  const key = scope.reduce((key, part) => mac(key, part), `AWS4${SECRET}`)
  return given.algorithm === 'AWS4-HMAC-SHA256' && mac(key, text).toString('hex') === given.signature
}

/** The public half of the key that is derived from the secret (NIST SP 800-108, in counter mode). */
function publicKey() {
  const most = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63254f')
  for (let counter = 1; ; counter++) {
    const label = Buffer.from(
      `\0\0\0\x01AWS4-ECDSA-P256-SHA256\0${ID}${String.fromCharCode(counter)}\0\0\x01\0`,
      'latin1',
    )
    const candidate = BigInt(`0x${mac(`AWS4A${SECRET}`, label).toString('hex')}`)
    if (candidate > most) continue
    const ecdh = createECDH('prime256v1')
    ecdh.setPrivateKey((candidate + 1n).toString(16).padStart(64, '0'), 'hex')
    const point = ecdh.getPublicKey()
    const part = (from) => point.subarray(from, from + 32).toString('base64url')
    return createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x: part(1), y: part(33) } })
  }
}
