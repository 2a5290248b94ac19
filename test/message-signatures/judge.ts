import { createHash } from 'node:crypto'
import { httpbis } from 'http-message-signatures'
import type { SignatureAlgorithm } from '../../src/message-signatures/message-signatures.ts'
import type { Script, Seen } from '../servers/api.ts'
import { peerVerifier } from './keys.ts'

/** Whether the verifier of `http-message-signatures`, and Node's own hash, take what came over the wire. */
async function judged({ method, url, headers, body }: Seen, algorithm: SignatureAlgorithm): Promise<boolean> {
  for (const [, name, value] of (headers['content-digest'] ?? '').toString().matchAll(/sha-(256|512)=:([^:]*):/g))
    if (createHash(`sha${name}`).update(body).digest('base64') !== value) return false
  if (body.length && headers['transfer-encoding'] === undefined && !headers['content-digest']) return false
  const message = { method, url: `http://${headers.host}${url}`, headers: headers as Record<string, string> }
  try {
    const verdict = await httpbis.verifyMessage({ keyLookup: async () => peerVerifier(algorithm), all: true }, message)
    return verdict === true
  } catch {
    return false
  }
}

/** A server that answers what was not signed right with 401. */
export function judging(algorithm: SignatureAlgorithm, then: Script = () => ({})): Script {
  return async (request, index, response) =>
    (await judged(request, algorithm)) ? then(request, index, response) : { status: 401, body: 'bad signature' }
}
