import { LatchkeyError, StoreError } from '../errors.ts'
import type { StoreTraits } from '../types.ts'

/** The least a store must do; one that does less refuses at creation, and nothing falls back. */
export interface Requirements {
  /** What a resolved `put` must survive: `'none'`, `'lazy'`, `'process-crash'`, `'power-loss'`, each more than the one before. */
  readonly durability?: StoreTraits['durability']
  /**
   * Who must not be able to read what rests: `'none'`, `'same-disk-key'`, `'os-user'`, `'passphrase'`, `'external-key'`,
   * `'memory-only'`, each more than the one before.
   */
  readonly atRest?: StoreTraits['atRest']
}

const ON_DISK = 'indexedDbStore, sqliteStore or keychainStore'
const SEALED = 'sealed(store, key)'
/** From least to most, and what offers it. */
const RANKS: { readonly [K in keyof Required<Requirements>]: Readonly<Record<StoreTraits[K], string>> } = {
  durability: { none: '', lazy: ON_DISK, 'process-crash': ON_DISK, 'power-loss': ON_DISK },
  atRest: {
    none: '',
    'same-disk-key': SEALED,
    'os-user': `keychainStore or ${SEALED}`,
    passphrase: SEALED,
    'external-key': `${SEALED} with a key kept elsewhere`,
    'memory-only': 'memoryStore',
  },
}

/** True when `a` protects what rests at least as well as `b`. */
export function protects(a: StoreTraits['atRest'], b: StoreTraits['atRest']): boolean {
  const ranks = Object.keys(RANKS.atRest)
  return ranks.indexOf(a) >= ranks.indexOf(b)
}

/**
 * Compares what a store is with what is asked of it.
 * @throws StoreError `requirement_not_met`; LatchkeyError `invalid_option`
 */
export function meetRequirements(traits: StoreTraits, requires: Requirements | undefined): void {
  for (const [name, least] of Object.entries(requires ?? {}) as [keyof Requirements, string | undefined][]) {
    if (least === undefined) continue
    const offers = (Object.hasOwn(RANKS, name) ? RANKS[name] : {}) as Readonly<Record<string, string>>
    const ranks = Object.keys(offers)
    if (!ranks.includes(least))
      throw new LatchkeyError(
        'invalid_option',
        `\`requires.${name}\` must be ${ranks.length ? `one of ${ranks.join(', ')}` : '`durability` or `atRest`'}.`,
      )
    if (ranks.indexOf(traits[name]) < ranks.indexOf(least))
      throw new StoreError(
        'requirement_not_met',
        traits.backend,
        `\`requires.${name}\` is '${least}', and this store offers '${traits[name]}'. Use ${offers[least]}.`,
      )
  }
}
