import { describe, expect, it } from 'vitest'
import { sigv4 } from '../../src/aws/aws.ts'
import { canonicalPath, canonicalQuery, OTHER_RULES, S3_RULES } from '../../src/aws/canonical-request.ts'
import { unambiguous } from '../../src/aws/strategy.ts'

describe('13 the URL is written so that every runtime and server reads the same', () => {
  it.each([
    ['https://a/b^|c?q=a+b', OTHER_RULES, 'https://a/b%5E%7Cc?q=a%20b'],
    ['https://a/b?', OTHER_RULES, 'https://a/b'],
    ["https://a/b+c:d!'()*", OTHER_RULES, "https://a/b+c:d!'()*"],
    ["https://a/b+c:d!'()*", S3_RULES, 'https://a/b%2Bc%3Ad%21%27%28%29%2A'],
    ['https://a/%7Eb%c3%bc%2f%zz', S3_RULES, 'https://a/~b%C3%BC%2F%25zz'],
    ['https://a/b//c/?x', S3_RULES, 'https://a/b//c/?x'],
  ])('%s', (given, rules, written) => expect(unambiguous(new URL(given), rules).href).toBe(written))

  it('and left alone where it is', () => {
    const url = new URL('https://a/b/c%20d?q=1&r')
    expect(unambiguous(url, OTHER_RULES)).toBe(url)
    expect(unambiguous(url, S3_RULES)).toBe(url)
  })
})

it.each([
  ['', '/', '/'],
  ['/a%20b', '/a%2520b', '/a%20b'],
  ['/a//b/../c/.', '/a/c/', '/a//b/../c/.'],
  ['/..', '/', '/..'],
  ['/%7e', '/%257e', '/~'],
])('the canonical path of %j', (path, other, s3) => {
  expect(canonicalPath(path, OTHER_RULES)).toBe(other)
  expect(canonicalPath(path, S3_RULES)).toBe(s3)
})

it.each([
  ['?', ''],
  ['b&a', 'a=&b='],
  ['a-b=1&a=2', 'a=2&a-b=1'],
  ['a=2&a=10&A=1', 'A=1&a=10&a=2'],
  ['a=b=c&&d=+', 'a=b%3Dc&d=%20'],
  ['%61=%7e%2f%', 'a=~%2F%25'],
])('the canonical query of %j', (query, canonical) => expect(canonicalQuery(query)).toBe(canonical))

it('content is read only where it is signed', () => {
  const options = { service: 's3', region: 'r', credentials: { accessKeyId: 'i', secretAccessKey: 's' } }
  expect(sigv4(options).needsBody).toBe(true)
  expect(sigv4({ ...options, unsignedPayload: true }).needsBody).toBe(false)
})
