import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRoutes, guessed } from '../../src/http/route.ts'

describe('the route of a path', () => {
  it.each([
    ['/', '/'],
    ['/v1/users', '/v1/users'],
    ['/users/42', '/users/{id}'],
    ['/users/42/orders/7', '/users/{id}/orders/{id}'],
    ['/o/3f2504e0-4f89-11d3-9a0c-0305e82c3301', '/o/{id}'],
    ['/commits/3f786850e387550fdab836ed7e6dc881de23001b', '/commits/{id}'],
    ['/days/2026-11-28/slots', '/days/{id}/slots'],
    ['/users/ann%40example.com', '/users/{id}'],
    ['/files/cus_NffrFeUfNV2Hib1x', '/files/{id}'],
    ['/oauth2/token', '/oauth2/token'],
    ['/api/v2/deadbeef', '/api/v2/deadbeef'],
  ])('%s is %s', (path, route) => {
    expect(guessed(path)).toBe(route)
  })

  it('a template wins over a guess, and the one with most literal text over the others', () => {
    const routeOf = createRoutes(['/users/{name}', '/users/me', '/{kind}/{name}'])
    expect(routeOf('/users/me')).toBe('/users/me')
    expect(routeOf('/users/ann/')).toBe('/users/{name}')
    expect(routeOf('/things/ann')).toBe('/{kind}/{name}')
    expect(routeOf('/things/ann/42')).toBe('/things/ann/{id}')
  })

  it('takes any path and any template as text, never as a pattern', () => {
    fc.assert(
      fc.property(fc.webPath(), fc.string(), (path, template) => {
        expect(typeof createRoutes([template])(path)).toBe('string')
      }),
    )
  })
})
