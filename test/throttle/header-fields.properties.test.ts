import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { waitHint } from '../../src/retry/hint.ts'
import { families, table } from '../../src/throttle/families/families.ts'
import { type QuotaReading, readQuota } from '../../src/throttle/header-fields.ts'
import { fixtures, NOW } from './fixtures.ts'

const LONGEST = 2_147_483_647
const FIELDS = [
  ...new Set([
    ...fixtures.flatMap(({ headers }) => Object.keys(headers)),
    ...['content-type', 'retry-after', 'retry-after-ms', 'x-ms-retry-after-ms', 'x-amz-retry-after', 'date', 'age'],
  ]),
]

const isCount = (value: number | undefined, most = Number.MAX_SAFE_INTEGER) =>
  value === undefined || (Number.isInteger(value) && value >= 0 && value <= most)

function sane({ policy, unit, limit, remaining, resetAfter, window, source, partition }: QuotaReading): boolean {
  return (
    [policy, unit, source, partition ?? ''].every((text) => typeof text === 'string') &&
    source !== '' &&
    isCount(limit) &&
    isCount(remaining) &&
    isCount(resetAfter, LONGEST) &&
    (window === undefined || (window > 0 && Number.isFinite(window)))
  )
}

/** What a field may hold on the wire: anything but line ends and NUL, as Latin-1. */
const wire = fc.string({
  unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
})
const number = fc.oneof(
  fc.integer().map(String),
  fc.double().map(String),
  fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).map(String),
  fc.constantFrom('0', '-0', '+1', '1e3', '.5', '5.', '0x10', 'NaN', 'Infinity', '١', '1_000', '9'.repeat(400)),
)
const date = fc.oneof(
  fc.date({ noInvalidDate: true }).map((at) => at.toUTCString()),
  fc.date({ noInvalidDate: true }).map((at) => at.toISOString()),
  fc.constantFrom('Thu, 32 Foo 2026 25:61:61 GMT', '2026-13-45T99:99Z', 'Sunday, 06-Nov-94 08:49:37 GMT'),
)
/** Pieces of what is really sent, put together wrongly. */
const pieces = fc
  .array(
    fc.oneof(
      number,
      date,
      fc.constantFrom(...fixtures.flatMap(({ headers }) => Object.values(headers))),
      fc.constantFrom(
        ',',
        ';',
        '=',
        '"',
        ':',
        ';w=',
        ';r=',
        ';t=',
        ';q=',
        ';pk=:',
        'limit=',
        '"d"',
        '(',
        ')',
        's',
        'm',
        '/',
      ),
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map((parts) => parts.join(''))
const value = fc.oneof(number, date, pieces, wire)

const headers = fc.dictionary(fc.constantFrom(...FIELDS), value, { maxKeys: 8 }).map((fields) => {
  const made = new Headers()
  for (const [name, text] of Object.entries(fields)) {
    try {
      made.set(name, text)
    } catch {
      // What Headers refuses cannot arrive.
    }
  }
  return made
})

const status = fc.constantFrom(200, 302, 403, 429, 503, 529)
const body = fc.oneof(fc.string({ unit: 'binary' }), pieces, fc.constantFrom(...fixtures.flatMap((f) => f.body ?? [])))

describe('no input is read as nonsense', () => {
  it('whatever an answer holds, a reading has whole numbers in range, and nothing throws', async () => {
    await fc.assert(
      fc.asyncProperty(headers, status, body, fc.integer({ min: 0, max: 8.64e15 }), async (fields, code, text, now) => {
        for (const read of [readQuota, families, ...table]) {
          const readings = await read(fields, code, now, async () => text)
          expect(readings.filter((reading) => !sane(reading))).toEqual([])
        }
        expect(isCount(waitHint(fields), LONGEST)).toBe(true)
      }),
      { numRuns: 1500 },
    )
  })

  it('one field of a family spoilt, the rest as sent', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...fixtures), fc.nat(), value, async (fixture, place, spoilt) => {
        const fields = new Headers(fixture.headers)
        try {
          fields.set(Object.keys(fixture.headers).at(place % Object.keys(fixture.headers).length) as string, spoilt)
        } catch {
          return
        }
        for (const read of [readQuota, families, ...table]) {
          const readings = await read(fields, fixture.status ?? 200, NOW, async () => fixture.body ?? spoilt)
          expect(readings.filter((reading) => !sane(reading))).toEqual([])
        }
        expect(isCount(waitHint(fields), LONGEST)).toBe(true)
      }),
      { numRuns: 3000 },
    )
  })

  it('a structured field that is well formed says exactly its numbers', async () => {
    const name = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_ .'), minLength: 1, maxLength: 12 })
    const policy = fc.record({
      name,
      r: fc.nat(),
      t: fc.integer({ min: 0, max: 2_000_000 }),
      w: fc.integer({ min: 1, max: 1e9 }),
    })
    const policies = fc.uniqueArray(policy, { selector: (one) => one.name, minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(policies, async (list) => {
        const fields = new Headers({
          ratelimit: list.map((one) => `"${one.name}";r=${one.r};t=${one.t}`).join(', '),
          'ratelimit-policy': list.map((one) => `"${one.name}";q=${one.r};w=${one.w}`).join(','),
        })
        expect(await readQuota(fields, 200, NOW)).toEqual(
          list.map(({ name: policy, r, t, w }) => ({
            policy,
            unit: 'requests',
            limit: r,
            remaining: r,
            resetAfter: t * 1000,
            window: w * 1000,
            source: 'ratelimit',
          })),
        )
      }),
    )
  })
})
