// One SigV4 signature, from a method, a URL and headers to the signed request; the keys are cached by everybody who does.
// Latchkey and aws4fetch give a Request that can be sent, the others a list of headers: what a Request alone costs stands beside.
import { Sha256 } from '@aws-crypto/sha256-js'
import { Hash } from '@smithy/hash-node'
import { SignatureV4 } from '@smithy/signature-v4'
import aws4 from 'aws4'
import { AwsClient } from 'aws4fetch'
import { sigv4 } from '../dist/aws/aws.js'
import { compare, oneByOne } from './compare.mjs'

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }
const [service, region] = ['execute-api', 'eu-central-1']
const host = 'abcdef.execute-api.eu-central-1.amazonaws.com'
const path = '/prod/users/42'
const url = `https://${host}${path}?fields=name`
const type = 'application/json'
const content = JSON.stringify({ text: 'x'.repeat(4096 - 11) })
const body = new TextEncoder().encode(content)

const latchkey = sigv4({ service, region, credentials })
const fetcher = new AwsClient({ ...credentials, service, region })
const smithy = new SignatureV4({ credentials, service, region, sha256: Sha256 })
const smithyNode = new SignatureV4({ credentials, service, region, sha256: Hash.bind(null, 'sha256') })

const unsigned = (url, method, bytes) =>
  new Request(url, { method, ...(bytes && { body: bytes, headers: { 'content-type': type } }) })

/** As the pipeline does it: a Request of its own, then the credentials on it. */
async function ours(method, bytes) {
  const attempt = { url: new URL(url), body: bytes ?? new Uint8Array(), now: Date.now, setUrl() {}, explain() {} }
  const request = unsigned(attempt.url, method, bytes)
  await latchkey.authenticate(request, attempt)
  return request
}
const theirs = (signer, method, bytes) =>
  signer.sign({
    method,
    protocol: 'https:',
    hostname: host,
    path,
    query: { fields: 'name' },
    headers: { host, ...(bytes && { 'content-type': type }) },
    ...(bytes && { body: bytes }),
  })

for (const [title, method, bytes] of [
  ['SigV4 of a small GET', 'GET', undefined],
  ['SigV4 of a PUT with 4 kB', 'PUT', body],
]) {
  const init = { method, ...(bytes && { body: bytes, headers: { 'content-type': type } }) }
  const options = { method, host, path: `${path}?fields=name`, service, region }
  await compare(
    title,
    [
      { name: 'aws4fetch', run: oneByOne(() => fetcher.sign(url, init)) },
      { name: 'latchkey', run: oneByOne(() => ours(method, bytes)), against: 'aws4fetch', aim: 0.25 },
      {
        name: 'a Request alone, unsigned',
        run: oneByOne(() => unsigned(new URL(url), method, bytes)),
        against: 'latchkey',
      },
      {
        name: 'aws4 (node:crypto)',
        run: oneByOne(() =>
          aws4.sign({ ...options, ...(bytes && { body: bytes, headers: { 'Content-Type': type } }) }, credentials),
        ),
        against: 'latchkey',
      },
      { name: 'smithy, in JavaScript', run: oneByOne(() => theirs(smithy, method, bytes)), against: 'latchkey' },
      { name: 'smithy (node:crypto)', run: oneByOne(() => theirs(smithyNode, method, bytes)), against: 'latchkey' },
    ],
    { calls: 1000, rounds: 15 },
  )
}
