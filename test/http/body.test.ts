import { describe, expect, it, vi } from 'vitest'
import { contentOf, fixed, noContent, readUpTo, resumed, takeContent } from '../../src/http/body.ts'
import { encodedForm } from '../../src/http/form.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (body: BodyInit | null | undefined) => new Response(body).text()
/** A stream of these chunks, and what became of it. */
function streamOf(...chunks: string[]) {
  const cancel = vi.fn()
  let pulled = 0
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      pull(controller) {
        const chunk = chunks[pulled++]
        if (chunk === undefined) controller.close()
        else controller.enqueue(bytes(chunk))
      },
      cancel,
    },
    { highWaterMark: 0 },
  )
  return { stream, cancel, pulled: () => pulled }
}

describe('the content of a request', () => {
  it('is none, and stays none', async () => {
    for (const none of [noContent, contentOf(null), contentOf(undefined)]) {
      expect([none.present, none.replayable, none.make()]).toEqual([false, true, undefined])
      expect(await none.bytes()).toEqual({ content: noContent, bytes: new Uint8Array() })
    }
  })

  it('is made again for each attempt, and read once for signatures', async () => {
    const content = contentOf('text')
    expect([content.present, content.replayable, content.type]).toEqual([true, true, undefined])
    expect([await text(content.make()), await text(content.make())]).toEqual(['text', 'text'])
    const final = await content.bytes()
    expect(final.bytes).toEqual(bytes('text'))
    expect([final.content.present, final.content.replayable, final.content.make()]).toEqual([true, true, final.bytes])
    expect(final.content.type).toBe('text/plain;charset=UTF-8')
    expect(await final.content.bytes()).toEqual(final)
    expect((await contentOf('{}', 'application/json').bytes()).content.type).toBe('application/json')
    expect((await contentOf(bytes('x')).bytes()).content.type).toBeUndefined()
    expect(fixed(bytes('x'), null).type).toBeUndefined()
  })

  it('is a stream that can be used once, or one that is opened anew', async () => {
    const once = contentOf(streamOf('a').stream)
    expect([once.present, once.replayable]).toEqual([true, false])
    expect(await text(once.make())).toBe('a')
    expect(once.make).toThrow(expect.objectContaining({ code: 'body_not_replayable' }))
    const locked = streamOf('a').stream
    locked.getReader()
    expect(contentOf(locked).make).toThrow(expect.objectContaining({ code: 'body_not_replayable' }))
    const anew = contentOf(() => streamOf('b').stream)
    expect([anew.present, anew.replayable]).toEqual([true, true])
    expect([await text(anew.make()), await text(anew.make())]).toEqual(['b', 'b'])
    for (const content of [once, anew])
      expect(() => content.bytes()).toThrow(expect.objectContaining({ code: 'body_not_replayable' }))
  })

  it('of a Request is kept up to a size, and beyond it passed on', async () => {
    const asked = (...chunks: string[]) =>
      new Request('https://a.example', {
        method: 'POST',
        body: streamOf(...chunks).stream,
        headers: { 'content-type': 'a/b' },
        duplex: 'half',
      } as RequestInit)
    expect(await takeContent(new Request('https://a.example'), 9)).toBe(noContent)
    const kept = await takeContent(asked('abc', 'de'), 5)
    expect([kept.present, kept.replayable, kept.type]).toEqual([true, true, 'a/b'])
    expect([await text(kept.make()), await text(kept.make())]).toEqual(['abcde', 'abcde'])
    const long = await takeContent(asked('abc', 'def', 'ghi'), 5)
    expect([long.present, long.replayable]).toEqual([true, false])
    expect(await text(long.make())).toBe('abcdefghi')
  })

  it('that somebody has read, or reads, is refused by name', async () => {
    const used = new Request('https://a.example', { method: 'POST', body: 'abc' })
    await used.text()
    const locked = new Request('https://a.example', { method: 'POST', body: 'abc' })
    locked.body?.getReader()
    for (const request of [used, locked])
      await expect(takeContent(request, 9)).rejects.toMatchObject({ code: 'body_not_replayable' })
  })

  it('is read no further than asked, and goes on from there', async () => {
    const { stream, pulled, cancel } = streamOf('ab', 'cd', 'ef')
    const reader = stream.getReader()
    const beginning = await readUpTo(reader, 2)
    expect([beginning.chunks, beginning.ended, pulled()]).toEqual([[bytes('ab'), bytes('cd')], false, 2])
    const rest = resumed(beginning, reader).getReader()
    expect((await rest.read()).value).toEqual(bytes('ab'))
    await rest.cancel('enough')
    expect(cancel).toHaveBeenCalledWith('enough')
  })
})

describe('a form', () => {
  it('is written as browsers write it', async () => {
    const form = new FormData()
    form.append('plain', 'a\nb\rc\r\nd')
    form.append('na"me\n', 'ü')
    form.append('file', new File(['x\ny'], 'f"\r\n.txt', { type: 'text/plain' }))
    form.append('bare', new File([bytes('z')], 'z'))
    const blob = encodedForm(form)
    const [, boundary] = /^multipart\/form-data; boundary=(latchkey-[\da-f-]{36})$/.exec(blob.type) ?? []
    expect(await blob.text()).toBe(
      [
        `--${boundary}`,
        'content-disposition: form-data; name="plain"',
        '',
        'a\r\nb\r\nc\r\nd',
        `--${boundary}`,
        'content-disposition: form-data; name="na%22me%0D%0A"',
        '',
        'ü',
        `--${boundary}`,
        'content-disposition: form-data; name="file"; filename="f%22%0D%0A.txt"',
        'content-type: text/plain',
        '',
        'x\ny',
        `--${boundary}`,
        'content-disposition: form-data; name="bare"; filename="z"',
        'content-type: application/octet-stream',
        '',
        'z',
        `--${boundary}--`,
        '',
      ].join('\r\n'),
    )
    const content = contentOf(form)
    expect([content.present, content.replayable]).toEqual([true, true])
    expect(await text(content.make())).toBe(await text(content.make()))
    expect(encodedForm(form).type).not.toBe(blob.type)
  })
})
