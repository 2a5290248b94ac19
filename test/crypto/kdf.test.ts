import { afterEach, expect, it, vi } from 'vitest'
import { hex } from '../../src/crypto/bytes.ts'
import { type Derivation, derive, hasNativeArgon2 } from '../../src/crypto/kdf.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
afterEach(() => vi.restoreAllMocks())

// RFC 7914, section 12: the first 32 bytes of the second and the third vector.
const scrypt: [Derivation, string, string, string][] = [
  [{ algorithm: 'scrypt', cost: 1024, blockSize: 8, parallelism: 16 }, 'password', 'NaCl', 'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162'], // biome-ignore format: one line
  [{ algorithm: 'scrypt', cost: 16_384, blockSize: 8, parallelism: 1 }, 'pleaseletmein', 'SodiumChloride', '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2'], // biome-ignore format: one line
]
const argon2id: Derivation = { algorithm: 'argon2id', memory: 256, passes: 2, parallelism: 2 }

for (const where of ['native', 'noble']) {
  const set = () => void (where === 'noble' && vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined))

  it(`scrypt gives the bytes of RFC 7914, ${where}`, async () => {
    set()
    for (const [costs, text, salt, key] of scrypt) expect(hex(await derive(bytes(text), bytes(salt), costs))).toBe(key)
  })

  it(`Argon2id gives the same everywhere, ${where}`, async () => {
    const here = hasNativeArgon2()
    set()
    expect(hasNativeArgon2()).toBe(where === 'native' && here)
    // A vector of the reference implementation: phc-winner-argon2, src/test.c.
    const key = await derive(bytes('password'), bytes('somesalt'), argon2id)
    expect(hex(key)).toBe('6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037')
  })
}
