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

/** From least to most, and what offers each. */
const OFFERS: { readonly [K in keyof Required<Requirements>]: Readonly<Record<StoreTraits[K], string>> } = {
  durability: {
    none: 'any store',
    lazy: 'any store but memoryStore',
    'process-crash': 'indexedDbStore, sqliteStore or keychainStore',
    'power-loss': 'indexedDbStore, sqliteStore or keychainStore',
  },
  atRest: {
    none: 'any store',
    'same-disk-key': 'indexedDbStore, or any store in sealed(store, key)',
    'os-user': 'keychainStore, or any store in sealed(store, key)',
    passphrase: "any store in sealed(store, passphrase('…'))",
    'external-key': 'any store in sealed(store, key), with a key that is kept elsewhere',
    'memory-only': 'memoryStore',
  },
}

/** True when `a` protects what rests at least as well as `b`. */
export function protects(a: StoreTraits['atRest'], b: StoreTraits['atRest']): boolean {
  const ranks = Object.keys(OFFERS.atRest)
  return ranks.indexOf(a) >= ranks.indexOf(b)
}

/**
 * Compares what a store is with what is asked of it.
 * @throws StoreError `requirement_not_met`; LatchkeyError `invalid_option`
 */
export function meetRequirements(traits: StoreTraits, requires: Requirements | undefined): void {
  for (const [name, least] of Object.entries(requires ?? {})) {
    if (least === undefined) continue
    const offers: Readonly<Record<string, string>> | undefined = Object.hasOwn(OFFERS, name)
      ? OFFERS[name as keyof Requirements]
      : undefined
    if (!offers)
      throw new LatchkeyError('invalid_option', `\`requires.${name}\` is not known. Use \`durability\` or \`atRest\`.`)
    const ranks = Object.keys(offers)
    if (!ranks.includes(least))
      throw new LatchkeyError('invalid_option', `\`requires.${name}\` must be one of ${ranks.join(', ')}.`)
    const has = traits[name as keyof Requirements]
    if (ranks.indexOf(has) < ranks.indexOf(least))
      throw new StoreError(
        'requirement_not_met',
        traits.backend,
        `\`requires.${name}\` is '${least}', and this store offers '${has}'. Use ${offers[least]}.`,
      )
  }
}
