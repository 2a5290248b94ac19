import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { fromHex, hex } from '../../src/crypto/bytes.ts'
import { equal } from '../../src/crypto/equal.ts'
import { createMac, digest, digestStream, type HashName } from '../../src/crypto/hash.ts'
import type { Bytes } from '../../src/types.ts'
import vectors from '../vectors/crypto/hmac.json' with { type: 'json' }

const hashes = ['sha1', 'sha256', 'sha384', 'sha512'] as const
// Around a block, what is hashed at once, and a slice.
const lengths = [0, 1, 63, 64, 65, 127, 128, 129, 8191, 8192, 8193, 65_535, 65_536, 65_537, 200_001]
const bytes = (length: number): Bytes => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 255)
const KEY = new TextEncoder().encode('key')

function streamOf(...chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
}

function pieces(data: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(data.length / size) }, (_, i) => data.subarray(i * size, (i + 1) * size))
}

describe.each([
  ['of the runtime', undefined],
  ['of noble', {}],
])('code %s', (_, withoutNative) => {
  beforeEach(() => {
    if (withoutNative) vi.stubGlobal('process', withoutNative)
  })
  afterEach(() => vi.unstubAllGlobals())

  describe('HMAC', () => {
    for (const { id, key, data, macs } of vectors.cases)
      for (const [hash, expected] of Object.entries(macs))
        it(`${id}: ${hash}`, async () => {
          const mac = await createMac(hash as HashName, fromHex(key) as Bytes)
          // Twice: the key is prepared once and must stay as it is.
          for (let i = 0; i < 2; i++)
            expect(hex(await mac(fromHex(data) as Bytes)).slice(0, expected.length)).toBe(expected)
        })

    it.each(hashes)('%s is the same below and above what is hashed at once, in any order and at once', async (hash) => {
      const mac = await createMac(hash, KEY)
      const expected = lengths.map((length) => createHmac(hash, KEY).update(bytes(length)).digest('hex'))
      const parallel = await Promise.all(lengths.map((length) => mac(bytes(length))))
      expect(parallel.map(hex)).toEqual(expected)
      for (const [i, length] of lengths.entries()) expect(hex(await mac(bytes(length)))).toBe(expected[i])
    })
  })

  it.each([[undefined], [{}]])('a key that is no bytes is refused, whoever would hash', async (without) => {
    if (without) vi.stubGlobal('process', without)
    await expect(createMac('sha256', 'secret' as unknown as Bytes)).rejects.toThrow(TypeError)
    vi.unstubAllGlobals()
  })

  describe('digest', () => {
    it.each(hashes)('%s is that of Node, at once and as a stream of any chunks', async (hash) => {
      for (const length of lengths) {
        const data = bytes(length)
        const expected = createHash(hash).update(data).digest('hex')
        expect(hex(await digest(hash, data)), `${length}`).toBe(expected)
        for (const size of [1021, 65_536, 70_000])
          expect(hex(await digestStream(hash, streamOf(...pieces(data, size)))), `${length} by ${size}`).toBe(expected)
      }
    })

    it.each(hashes)(
      '%s of a stream lets others have their turn within one long chunk, and between many',
      async (hash) => {
        for (const size of [4_194_304, 16_384]) {
          const stream = streamOf(...pieces(new Uint8Array(4_194_304), size))
          let turns = 0
          let ended = false
          const count = () => {
            turns++
            if (!ended) setImmediate(count)
          }
          setImmediate(count)
          await digestStream(hash, stream)
          ended = true
          // 64 slices of 64 kB.
          expect(turns).toBeGreaterThanOrEqual(64)
        }
      },
    )

    it('a stream that breaks off has no digest', async () => {
      const broken = new ReadableStream<Uint8Array>({
        pull(controller) {
          controller.error(new RangeError('broken off'))
        },
      })
      await expect(digestStream('sha256', broken)).rejects.toThrow('broken off')
    })
  })

  it.each(hashes)('%s in hexadecimal is that of Node, of text and of bytes', async (hash) => {
    const { algorithm } = await import(`../../src/crypto/${hash}.ts`)
    for (const text of ['', 'abc', 'half \ud83d of a character', 'ünï \u{1f600}'.repeat(100)]) {
      const expected = createHash(hash).update(text).digest('hex')
      expect(algorithm.hex(text)).toBe(expected)
      expect(algorithm.hex(new TextEncoder().encode(text))).toBe(expected)
      expect(algorithm.hash().update(text).update(KEY).digest('hex')).toBe(
        createHash(hash).update(text).update(KEY).digest('hex'),
      )
    }
  })
})

it('where the runtime has code of its own, that is asked', async () => {
  const crypto = process.getBuiltinModule('node:crypto')
  const asked: string[] = []
  const spied = new Proxy(crypto, {
    get(target, name) {
      asked.push(String(name))
      return Reflect.get(target, name)
    },
  })
  vi.stubGlobal('process', { getBuiltinModule: () => spied })
  await digest('sha256', KEY)
  await (await createMac('sha256', KEY))(KEY)
  expect(new Set(asked)).toEqual(new Set(['createHash', 'createHmac']))
  vi.unstubAllGlobals()
})

describe('equal', () => {
  it('is true for the same bytes only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), (a, b) => {
        expect(equal(a, b)).toBe(Buffer.compare(a, b) === 0)
        expect(equal(a, a.slice())).toBe(true)
        expect(equal(a, new Uint8Array([...a, 0]))).toBe(false)
        expect(equal(new Uint8Array([...a, 0]), a)).toBe(false)
      }),
    )
  })

  it('looks at every byte, wherever the first difference is', () => {
    for (const at of [0, 15, 31]) {
      let read = 0
      const guess = new Proxy(new Uint8Array(32), {
        get(target, name) {
          if (/^\d+$/.test(String(name))) read++
          return name === String(at) ? 1 : Reflect.get(target, name)
        },
      })
      expect(equal(new Uint8Array(32), guess)).toBe(false)
      expect(read).toBe(32)
    }
  })
})
