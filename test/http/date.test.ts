import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { parseDate } from '../../src/http/date.ts'

beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 10, 28), toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

const at = Date.UTC(1994, 10, 6, 8, 49, 37)

it.each([
  ['Sun, 06 Nov 1994 08:49:37 GMT', at],
  [' Sun, 06 Nov 1994 08:49:37 GMT ', at],
  ['Sunday, 06-Nov-94 08:49:37 GMT', at],
  ['Sun Nov  6 08:49:37 1994', at],
  ['Wed Nov 16 08:49:37 1994', at + 10 * 86_400_000],
  // Up to 50 years ahead, two digits are a year to come.
  ['Friday, 06-Nov-76 08:49:37 GMT', Date.UTC(2076, 10, 6, 8, 49, 37)],
  ['Sunday, 06-Nov-77 08:49:37 GMT', Date.UTC(1977, 10, 6, 8, 49, 37)],
  ['Saturday, 06-Nov-26 08:49:37 GMT', Date.UTC(2026, 10, 6, 8, 49, 37)],
  ['1994-11-06T08:49:37Z', at],
  ['1994-11-06T08:49Z', at - 37_000],
  ['1994-11-06T08:49:37.25Z', at + 250],
  ['1994-11-06T08:49:37.123456789Z', at + 123],
  ['1994-11-06T09:49:37+01:00', at],
  ['1994-11-06T07:49:37-0100', at],
  ['1994-11-06T07:19:37-01:30', at],
])('reads %j', (text, expected) => {
  expect(parseDate(text)).toBe(expected)
})

// Date.parse alone reads most of these, some of them as local time.
it.each([
  '',
  '0',
  '1994',
  '1994-11-06',
  '1994-11-06T08:49:37',
  '1994-11-06T08Z',
  '1994-11-06T08:49:37+01',
  'on 1994-11-06T08:49:37Z',
  '1994-11-06T08:49:37Z or so',
  'Sun, 06 Nov 1994 08:49:37',
  'Sun, 06 Nov 1994 08:49:37 +0100',
  'Sun, 06 Nov 1994 08:49:37 GMT+2',
  'on Sun, 06 Nov 1994 08:49:37 GMT',
  'Sun, 6 Nov 1994 08:49:37 GMT',
  'Sun, 06 Nov 1994 08:49 GMT',
  'Sunday, 06-Nov-94 08:49:37',
  'Sunday, 06-Nov-94 08:49:37 GMT+2',
  'a Sunday, 06-Nov-94 08:49:37 GMT',
  'Sunday, 6-Nov-94 08:49:37 GMT',
  'Sun Nov 6 08:49:37 1994',
  'Sun Nov  6 08:49:37 1994 PST',
  'in Sun Nov  6 08:49:37 1994',
  'Sun, 06 Foo 1994 08:49:37 GMT',
  'Sunday, 06-Foo-94 08:49:37 GMT',
])('%j is no date', (text) => {
  expect(parseDate(text)).toBeUndefined()
})
