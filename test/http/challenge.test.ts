import { property, assert as propertyAssert, string } from 'fast-check'
import { expect, it } from 'vitest'
import { parseChallenges } from '../../src/http/challenge.ts'

const parsed = (header: string | null) =>
  parseChallenges(header).map((c) => ({ ...c, parameters: { ...c.parameters } }))

it.each([
  [null, []],
  ['', []],
  ['Basic', [{ scheme: 'basic', parameters: {} }]],
  ['Bearer realm="a"', [{ scheme: 'bearer', parameters: { realm: 'a' } }]],
  [
    'Negotiate a87421000492aa874209af8bc028==',
    [{ scheme: 'negotiate', parameters: {}, token68: 'a87421000492aa874209af8bc028==' }],
  ],
  [
    'Digest realm="a, b", nonce="x=\\"y\\"", qop="auth, auth-int"',
    [{ scheme: 'digest', parameters: { realm: 'a, b', nonce: 'x="y"', qop: 'auth, auth-int' } }],
  ],
  [
    'Basic realm="one", Bearer realm="two", error="invalid_token"',
    [
      { scheme: 'basic', parameters: { realm: 'one' } },
      { scheme: 'bearer', parameters: { realm: 'two', error: 'invalid_token' } },
    ],
  ],
  [
    'Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"',
    [
      { scheme: 'newauth', parameters: { realm: 'apps', type: '1', title: 'Login to "apps"' } },
      { scheme: 'basic', parameters: { realm: 'simple' } },
    ],
  ],
  [
    'Negotiate, Basic realm="x"',
    [
      { scheme: 'negotiate', parameters: {} },
      { scheme: 'basic', parameters: { realm: 'x' } },
    ],
  ],
  [', ,Bearer ERROR = "invalid_token" ,', [{ scheme: 'bearer', parameters: { error: 'invalid_token' } }]],
  [
    'Bearer error=invalid_token, resource_metadata=https://a/b',
    [{ scheme: 'bearer', parameters: { error: 'invalid_token', resource_metadata: 'https://a/b' } }],
  ],
  ['Digest a="1",b=2 ,, c="3"', [{ scheme: 'digest', parameters: { a: '1', b: '2', c: '3' } }]],
  ['Bearer realm="open', [{ scheme: 'bearer', parameters: {} }]],
])('reads %j', (header, challenges) => {
  expect(parsed(header)).toEqual(challenges)
})

it('never throws and never loops, whatever a server writes', () => {
  void propertyAssert(
    property(string({ unit: 'binary' }), string(), (a, b) => {
      for (const text of [a, b, `Bearer ${a}`, `Digest realm="${b}", ${a}`])
        expect(Array.isArray(parseChallenges(text))).toBe(true)
    }),
    { numRuns: 2000 },
  )
}, 60_000)
