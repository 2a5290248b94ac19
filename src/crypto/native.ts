/** A hash or a MAC in the making. A text counts as UTF-8. */
export interface Hashing {
  update(data: string | Uint8Array): Hashing
  digest(): Uint8Array
  digest(encoding: 'hex'): string
}

type Done = (error: unknown, key: Uint8Array) => void

/** What we use of node:crypto. */
interface NativeCrypto {
  createHash(name: string): Hashing
  /** In hexadecimal, and quicker than in steps. */
  hash?(name: string, data: string | Uint8Array): string
  createHmac(name: string, key: Uint8Array): Hashing
  argon2?(algorithm: 'argon2id', parameters: object, done: Done): void
  scrypt?(text: Uint8Array, salt: Uint8Array, length: number, costs: object, done: Done): void
}

/** The code of the runtime that needs no turn of the event loop: of Node, Deno, Bun and some workers. No browser has it. */
export function native(): NativeCrypto | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): NativeCrypto | undefined } }
  return process?.getBuiltinModule?.('node:crypto')
}
