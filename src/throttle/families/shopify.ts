import { countOf, reading } from '../header-fields.ts'
import { type Family, family } from './family.ts'

/** Used of a bucket that empties in 20 seconds, whatever its size. */
export const shopify: Family = family('Shopify REST', ['x-shopify-shop-api-call-limit'], ({ text }) => {
  const source = 'x-shopify-shop-api-call-limit'
  const [used, limit] = text(source)?.split('/').map(countOf) ?? []
  if (used === undefined || !limit) return []
  const remaining = Math.max(0, limit - used)
  return reading({ limit, remaining, window: 20_000, ...(!remaining && { resetAfter: 20_000 / limit }), source })
})

/** Points, in the content of a 200; so it must be asked for by name. */
export const shopifyGraphql: Family = family(
  'Shopify GraphQL',
  () => false,
  async ({ content }) => {
    const status = /"throttleStatus"\s*:\s*\{[^{}]*\}/.exec(await content())?.[0] ?? ''
    const count = (name: string) => countOf(new RegExp(`"${name}"\\s*:\\s*(\\d+(?:\\.\\d+)?)`).exec(status)?.[1])
    const [limit, rate] = [count('maximumAvailable'), count('restoreRate')]
    const window = limit && rate ? Math.ceil((limit / rate) * 1000) : undefined
    return reading({ unit: 'points', limit, remaining: count('currentlyAvailable'), window, source: 'content' })
  },
)
