// How a sealed record looks: 'LK', format, algorithm, key id, revision, IV, derivation of the key, checksum; then AES-GCM.
import { concat, uint32, utf8 } from '../crypto/bytes.ts'
import type { Bytes } from '../types.ts'
import { recordKey } from './record-key.ts'

const MAGIC = [0x4c, 0x4b] as const
const FORMAT = 1
const A256GCM = 1
const ID = 8
const REVISION = 16
const IV = 12
const FIXED = MAGIC.length + 2 + ID + REVISION + IV + 1
const CHECKSUM = 4
const TAG = 16

/** Bytes that sealing adds, apart from what says how a passphrase became a key. */
export const OVERHEAD: number = FIXED + CHECKSUM + TAG
/** Bytes that say how a passphrase became a key: algorithm, three costs, 16 of salt. */
export const DERIVATION: number = 29

export interface Envelope {
  readonly keyId: Bytes
  /** 96 random bits, new for every seal (NIST SP 800-38D, section 8.2.2). */
  readonly iv: Bytes
  /** How a passphrase became the key; empty for other keys. */
  readonly derivation: Bytes
  /** All before the ciphertext: associated data. */
  readonly header: Bytes
  readonly ciphertext: Bytes
}

/** A header for a new record, whose revision and IV nobody has seen before. */
export function newHeader(keyId: Bytes, derivation: Bytes): { header: Bytes; iv: Bytes } {
  const drawn = crypto.getRandomValues(new Uint8Array(REVISION + IV))
  const start = concat(
    Uint8Array.of(...MAGIC, FORMAT, A256GCM),
    keyId,
    drawn,
    Uint8Array.of(derivation.length),
    derivation,
  )
  return { header: concat(start, checksum(start)), iv: drawn.subarray(REVISION) }
}

/**
 * The parts of a sealed record; undefined when it is none, or its header is damaged; 'newer' when it is whole, but of a
 * format or an algorithm to come. Those keep the header up to its checksum.
 */
export function readEnvelope(record: Bytes): Envelope | 'newer' | undefined {
  const [l, k, format, algorithm] = record
  if (l !== MAGIC[0] || k !== MAGIC[1]) return undefined
  const end = FIXED + (record[FIXED - 1] ?? 0)
  if (record.length < end + CHECKSUM + TAG) return undefined
  const sum = checksum(record.subarray(0, end))
  if (sum.some((byte, i) => byte !== record[end + i])) return undefined
  if (format !== FORMAT || algorithm !== A256GCM) return 'newer'
  return {
    keyId: record.slice(4, 4 + ID),
    iv: record.slice(4 + ID + REVISION, FIXED - 1),
    derivation: record.slice(FIXED, end),
    header: record.slice(0, end + CHECKSUM),
    ciphertext: record.slice(end + CHECKSUM),
  }
}

/** What a record is bound to, so that it opens nowhere else: its header, its namespace and its id, each with its length. */
export function associatedData(header: Bytes, namespace: string, id: string): Bytes {
  const parts = [header, utf8(namespace), utf8(recordKey(id))]
  return concat(uint32(...parts.map(({ length }) => length)), ...parts)
}

/** FNV-1a: tells a damaged header from another key. It is no protection: the header is authenticated as associated data. */
function checksum(bytes: Uint8Array): Bytes {
  let sum = 0x811c9dc5
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193)
  return uint32(sum)
}
