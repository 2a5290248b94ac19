import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { waitHint } from '../../src/retry/hint.ts'
import * as exported from '../../src/throttle/families/families.ts'
import { type Family, families, table } from '../../src/throttle/families/families.ts'
import { type ReadQuota, readQuota } from '../../src/throttle/header-fields.ts'
import { fixtures, NOW } from './fixtures.ts'

const profileOf = (name: string): ReadQuota => table.find(({ family }) => family === name) ?? readQuota
const automatic = (family: Family | undefined) => !['Shopify GraphQL', 'Prisjakt'].includes(family?.family ?? '')

describe('what APIs send', () => {
  it.each(fixtures)('T9 $family: $what', async ({ family, status = 200, headers, body = '', quota, hint }) => {
    const fields = new Headers(headers)
    const peek = async () => body
    expect(await profileOf(family)(fields, status, NOW, peek)).toEqual(
      quota.map((reading) => expect.objectContaining(reading)),
    )
    expect(waitHint(fields)).toBe(hint)
    if (automatic(table.find((row) => row.family === family)))
      expect(await families(fields, status, NOW, peek)).toEqual(await profileOf(family)(fields, status, NOW, peek))
  })

  it('no answer could come from two of them, and each row has an example', () => {
    for (const { headers, family } of fixtures) {
      const senders = table.filter(({ sent }) => sent(new Headers(headers))).map((row) => row.family)
      expect(senders).toEqual(
        automatic(table.find((row) => row.family === family)) && family !== 'core'
          ? [family]
          : expect.toSatisfy((some: string[]) => some.length < 2),
      )
    }
    expect(table.filter((row) => !fixtures.some(({ family }) => family === row.family))).toEqual([])
  })

  it('the guide names every row, as it is called', () => {
    const guide = readFileSync(new URL('../../docs/quotas.md', import.meta.url), 'utf8')
    const told = [...guide.matchAll(/^\| `(\w+)` \| (.+?) \| (yes|no)/gm)].map(([, name, family, found]) => [
      name,
      family,
      found,
    ])
    const rows = Object.entries(exported).flatMap(([name, row]) =>
      typeof row === 'function' && 'family' in row ? [[name, row.family, automatic(row) ? 'yes' : 'no']] : [],
    )
    expect(told.sort()).toEqual(rows.sort())
  })

  it('a profile reads what it does not know as every client does', async () => {
    const headers = new Headers({ ratelimit: '"d";r=3;t=10' })
    for (const profile of [...table, families])
      expect(await profile(headers, 200, NOW)).toEqual([
        { policy: 'd', unit: 'requests', remaining: 3, resetAfter: 10_000, source: 'ratelimit' },
      ])
  })

  it('T10 what a cache kept says nothing', async () => {
    for (const { headers, status = 200, body = '' } of fixtures) {
      const fields = new Headers({ ...headers, age: '3' })
      for (const read of [readQuota, families, ...table])
        expect(await read(fields, status, NOW, async () => body)).toEqual([])
    }
    expect(await readQuota(new Headers({ age: '0', 'x-ratelimit-remaining': '1' }), 200, NOW)).toHaveLength(1)
  })
})

describe('what every client reads', () => {
  const read = (headers: Record<string, string>, now = NOW) => readQuota(new Headers(headers), 200, now)

  it('T28 an instant is meant by the clock of the server that wrote it', async () => {
    const late = NOW - 3_600_000
    expect(
      await read(
        {
          'x-ratelimit-remaining': '0',
          'x-ratelimit-reset': String(NOW / 1000 + 5),
          date: new Date(NOW).toUTCString(),
        },
        late,
      ),
    ).toEqual([expect.objectContaining({ resetAfter: 5000 })])
  })

  it.each([
    ['30', 30_000],
    ['1.25', 1250],
    ['0', 0],
    [String(NOW / 1000 + 30), 30_000],
    [String(NOW / 1000 + 30.5), 30_500],
    [String(NOW + 30_000), 30_000],
    [`${NOW + 30_000}000`, 30_000],
    [`${NOW + 30_000}000000`, 30_000],
    [String(NOW / 1000 - 30), 0],
    ['999999999', 2_147_483_647],
    ['99999999999999999999', 2_147_483_647],
    [' 7 ', 7000],
    [new Date(NOW + 30_000).toUTCString(), 30_000],
    [new Date(NOW + 30_000).toISOString(), 30_000],
    ['-5', undefined],
    ['1e3', undefined],
    ['soon', undefined],
    ['0x10', undefined],
    ['', undefined],
    ['9'.repeat(400), undefined],
    ['6m0s', undefined],
  ])('T5 the reset %j by its magnitude', async (reset, resetAfter) => {
    const [reading] = await read({ 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': reset })
    expect(reading?.resetAfter).toBe(resetAfter)
  })

  it.each([
    ['"d";r=-1;t=10'],
    ['"d";r=1.5'],
    ['"d"'],
    ['"d";r=1;t=10,'],
    ['"d;r=1'],
    ['d;r=1'],
    ['("a" "b");r=1'],
    ['limit=10, remaining=x'],
    ['limit=10'],
    ['"'],
    ['='],
  ])('T9 the malformed RateLimit %j is ignored, and what else is there is read', async (field) => {
    expect(await read({ ratelimit: field })).toEqual([])
    expect(await read({ ratelimit: field, 'x-ratelimit-remaining': '7' })).toEqual([
      { policy: 'default', unit: 'requests', remaining: 7, source: 'x-ratelimit-remaining' },
    ])
  })

  it.each(['{"violated-policies":"daily"}', '{"violated-policies":[1,null,""]}', 'null', '{"violated-pol', ''])(
    'a problem document such as %j names no policy',
    async (body) => {
      const headers = new Headers({ 'content-type': 'application/problem+json', 'x-ratelimit-remaining': '1' })
      expect(await readQuota(headers, 429, NOW, async () => body)).toMatchObject([{ policy: 'default', remaining: 1 }])
    },
  )

  it('content that cannot be read names no policy', async () => {
    const headers = new Headers({ 'content-type': 'application/problem+json', 'x-ratelimit-remaining': '1' })
    const broken = () => Promise.reject(new TypeError('terminated'))
    for (const read of [readQuota, families, ...table])
      expect((await read(headers, 403, NOW, broken))[0]).toMatchObject({ remaining: 1 })
  })

  it('fields over several lines are one list', async () => {
    const headers = new Headers()
    headers.append('ratelimit', '"a";r=1;t=1')
    headers.append('ratelimit', '"b";r=2;t=2')
    expect(await readQuota(headers, 200, NOW)).toMatchObject([
      { policy: 'a', remaining: 1 },
      { policy: 'b', remaining: 2 },
    ])
  })

  it('of two spellings of the same counter, one is read', async () => {
    expect(
      await read({ 'ratelimit-remaining': '1', 'x-ratelimit-remaining': '1', 'x-rate-limit-remaining': '1' }),
    ).toHaveLength(1)
  })

  it('answers at once where nothing needs to be loaded, and ever after it was', async () => {
    expect(read({})).toEqual([])
    expect(read({ 'x-ratelimit-remaining': '1' })).toHaveLength(1)
    await read({ ratelimit: '"a";r=1' })
    expect(read({ ratelimit: '"a";r=1' })).toHaveLength(1)
  })
})
