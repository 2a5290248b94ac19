import { describe, expect, it } from 'vitest'
import {
  canonical,
  type FieldType,
  parseDictionary,
  parseItem,
  quoted,
  serialize,
  serializeDictionary,
  unquoted,
} from '../../src/http/structured-field.ts'

// RFC 9651, sections 3 and 4; where the canonical text differs from what was read, it stands beside it.
const RIGHT: readonly [FieldType, string, string?][] = [
  ['item', '1'],
  ['item', ' 1 ', '1'],
  ['item', '-0', '0'],
  ['item', '007', '7'],
  ['item', '-42'],
  ['item', '123456789012345'],
  ['item', '1.50', '1.5'],
  ['item', '2.0'],
  ['item', '-0.0', '0.0'],
  ['item', '123456789012.125'],
  ['item', '"a \\"b\\" \\\\ c"'],
  ['item', '""'],
  ['item', 'token'],
  ['item', "*a/b:c!#$%&'*+.^`|~-"],
  ['item', ':aGk=:'],
  ['item', ':aGk:', ':aGk=:'],
  ['item', '::'],
  ['item', '?0'],
  ['item', '?1'],
  ['item', '@1659578233'],
  ['item', '@-1'],
  ['item', '%"caf%c3%a9 %22 100%25"'],
  ['item', '%"plain"'],
  ['item', '1;a;b=2; c="x"', '1;a;b=2;c="x"'],
  ['item', '1;a=1;b;a=2', '1;a=2;b'],
  ['item', '1;a=?1;b=?0', '1;a;b=?0'],
  ['item', '1;*k_-.9=1'],
  ['list', ''],
  ['list', 'a,b ,\tc', 'a, b, c'],
  ['list', 'a, b  ', 'a, b'],
  ['list', '(a b);q=1, ()', '(a b);q=1, ()'],
  ['list', '( a  b;x )', '(a b;x)'],
  ['dictionary', ''],
  ['dictionary', 'a=1,  b;x=2, c=(1 2);d', 'a=1, b;x=2, c=(1 2);d'],
  ['dictionary', 'a=1, b=2, a=3', 'a=3, b=2'],
  ['dictionary', 'a=?1, b=?0', 'a, b=?0'],
  ['dictionary', 'a=?1;x', 'a;x'],
]

const WRONG: readonly [FieldType, string][] = [
  ['item', ''],
  ['item', '1 2'],
  ['item', '\t1'],
  ['item', '1234567890123456'],
  ['item', '1234567890123.1'],
  ['item', '1.1234'],
  ['item', '1.'],
  ['item', '1.2.3'],
  ['item', '.1'],
  ['item', '--1'],
  ['item', '"open'],
  ['item', '"\\n"'],
  ['item', '"é"'],
  ['item', '"\t"'],
  ['item', ':a'],
  ['item', ':*:'],
  ['item', '?2'],
  ['item', '?'],
  ['item', '@1.5'],
  ['item', '@1234567890123456'],
  ['item', '@'],
  ['item', '%"%C3%A9"'],
  ['item', '%"%e9"'],
  ['item', '%"%4"'],
  ['item', '%"open'],
  ['item', '(a)'],
  ['item', '1;A'],
  ['item', '1;'],
  ['item', '1 ;a'],
  ['item', '1;a='],
  ['list', 'a,'],
  ['list', ',a'],
  ['list', 'a,,b'],
  ['list', 'a b'],
  ['list', '(a'],
  ['list', '(a"b")'],
  ['list', '(a,b)'],
  ['dictionary', 'A=1'],
  ['dictionary', '1=1'],
  ['dictionary', 'a=1,'],
  ['dictionary', 'a=1 b=2'],
  ['dictionary', 'a = 1'],
]

describe('structured fields', () => {
  it.each(RIGHT)('%s %j', (type, text, written = text) => {
    expect(canonical(text, type)).toBe(written)
    expect(canonical(written, type)).toBe(written)
  })

  it.each(WRONG)('no %s: %j', (type, text) => {
    expect(canonical(text, type)).toBeUndefined()
  })

  it('what is read is what it says', () => {
    expect(parseItem('tok;a;b=2')).toEqual({
      value: 'tok',
      parameters: new Map([
        ['a', '?1'],
        ['b', '2'],
      ]),
    })
    expect(parseDictionary('a, b=(1 "x";y);z')).toEqual(
      new Map<string, unknown>([
        ['a', { value: '?1', parameters: new Map() }],
        [
          'b',
          {
            items: [
              { value: '1', parameters: new Map() },
              { value: '"x"', parameters: new Map([['y', '?1']]) },
            ],
            parameters: new Map([['z', '?1']]),
          },
        ],
      ]),
    )
    expect([parseItem('('), parseDictionary('=')]).toEqual([undefined, undefined])
  })

  it('a member that is true is written without its value, in a dictionary only', () => {
    const yes = { value: '?1', parameters: new Map([['a', '1']]) }
    expect(serializeDictionary(new Map([['k', yes]]))).toBe('k;a=1')
    expect(serialize(yes)).toBe('?1;a=1')
  })

  it('strings are quoted and unquoted', () => {
    expect(quoted('a "b" \\ c')).toBe('"a \\"b\\" \\\\ c"')
    expect([quoted('é'), quoted('a\n'), quoted('\t'), quoted('~')]).toEqual([undefined, undefined, undefined, '"~"'])
    expect(unquoted('"a \\"b\\" \\\\ c"')).toBe('a "b" \\ c')
    expect([unquoted('token'), unquoted(undefined), unquoted('""')]).toEqual([undefined, undefined, ''])
  })
})
