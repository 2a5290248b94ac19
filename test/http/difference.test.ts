import { describe, expect, it } from 'vitest'
import { compared } from '../../src/http/difference.ts'
import { redacted } from '../../src/http/explanation.ts'

const ours = { stringToSign: 'a\nb\nc', canonicalRequest: 'GET\n/\nx' }
const differs = (said: string) => compared(ours, said).difference

describe('what a server says it would have signed', () => {
  it.each([
    ['S3', '<Error><StringToSign>a\nB\nc</StringToSign></Error>', '- b\n+ B'],
    [
      'S3, whose canonical request says more',
      '<StringToSign>a</StringToSign><CanonicalRequest>GET\n/y\nx</CanonicalRequest>',
      '- /\n+ /y',
    ],
    [
      'AWS',
      JSON.stringify({
        message:
          "No.\n\nThe Canonical String for this request should have been\n'GET\n/z\nx'\n\nThe String-to-Sign should have been\n'q'\n",
      }),
      '- /\n+ /z',
    ],
    ['AWS without it', JSON.stringify({ message: "The String-to-Sign should have been\n\n'a\nb'\n" }), '- c'],
    [
      'Azure',
      "The MAC signature is not the same as any computed one. Server used following string to sign: 'a\nb\nc\nd'.",
      '+ d',
    ],
    ['Alibaba', '{"Code":"x","Message":"server string to sign is:a\\nc"}', '- b'],
    ['Alibaba in another case', '<Message>Server StringToSign is: a\nb\nc</Message>', ''],
  ])('%s', (_, said, difference) => {
    expect(differs(said)).toBe(difference)
    expect(compared(ours, said)).toEqual({ ...ours, difference })
  })

  it('is compared with what there is: no canonical request of ours, no difference to theirs', () => {
    const { canonicalRequest: _, ...plain } = ours
    expect(compared(plain, '<CanonicalRequest>x</CanonicalRequest>')).toEqual(plain)
    expect(compared(plain, '<CanonicalRequest>x</CanonicalRequest><StringToSign>a</StringToSign>').difference).toBe(
      '- b\n- c',
    )
    expect(compared(ours, 'no')).toBe(ours)
    expect(compared(ours, '{"broken')).toBe(ours)
    expect(compared(ours, '{"n":1,"list":["<StringToSign>x</StringToSign>"]}')).toBe(ours)
  })

  it('is read as XML writes it', () => {
    const one = { stringToSign: '<&>"\'Aé\n\u{1f511}&x;' }
    const said = '&lt;&amp;&gt;&quot;&apos;&#65;&#xE9;\r\n&#x1F511;&x;'
    expect(compared(one, `<StringToSign>${said}</StringToSign>`).difference).toBe('')
  })

  it('by the lines that only one side has, in their order', () => {
    const lines = (mine: string, theirs: string) =>
      compared(
        { stringToSign: mine.split('').join('\n') },
        `<StringToSign>${theirs.split('').join('\n')}</StringToSign>`,
      )
        .difference?.replaceAll(' ', '')
        .split('\n')
        .join(' ')
    expect(lines('abcd', 'abcd')).toBe('')
    expect(lines('abcd', 'bd')).toBe('-a -c')
    expect(lines('bd', 'abcd')).toBe('+a +c')
    expect(lines('ab', 'cd')).toBe('-a -b +c +d')
    expect(lines('axbyc', 'xaybc')).toBe('-a -b +a +b')
    expect(lines('xabc', 'abcx')).toBe('-x +x')
    expect(lines('aab', 'aba')).toBe('-a +a')
  })
})

describe('the credentials of others', () => {
  it.each([
    ['as they are', 'k=se-cret;', 'k=<redacted>;'],
    ['more than once', 'se-cret se-cret', '<redacted> <redacted>'],
    ['in another case', 'SE-CRET', '<redacted>'],
    ['percent-encoded', 'se%2dcret se%2Dcret', '<redacted> <redacted>'],
    ['twice', 'se%252Dcret', '<redacted>'],
    ['not part of them', 'se-cre', 'se-cre'],
  ])('%s', (_, text, shown) => {
    expect(redacted(text, ['se-cret'])).toBe(shown)
  })

  it('are taken out whole, the longest first; nothing has none', () => {
    expect(redacted('abc ab', ['ab', 'abc'])).toBe('<redacted> <redacted>')
    expect(redacted('abc', ['', 'x'])).toBe('abc')
  })

  it('with all that a query or a pattern would make of their characters', () => {
    for (const form of ['a b', 'a+b', 'a%20b', 'a%2520b']) expect(redacted(`(${form})`, ['a b'])).toBe('(<redacted>)')
    expect(redacted('a+b', ['a-b'])).toBe('a+b')
    expect(redacted('a.b axb', ['a.b'])).toBe('<redacted> axb')
    for (const form of ['é', '%C3%A9', '%c3%a9', '%25C3%25A9']) expect(redacted(form, ['é'])).toBe('<redacted>')
    for (const form of ['\u{1f511}', '%F0%9F%94%91']) expect(redacted(form, ['\u{1f511}'])).toBe('<redacted>')
    expect(redacted('%09', ['\t'])).toBe('<redacted>')
    expect(redacted('%7F', ['\u007f'])).toBe('<redacted>')
    expect(redacted('%C2%80', ['\u0080'])).toBe('<redacted>')
  })
})
