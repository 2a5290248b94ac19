// Sign-ins that were started: what is needed to complete each, once, kept where the user comes back to.
import { fromUtf8, utf8 } from '../crypto/bytes.ts'
import { textDigest } from '../crypto/text-digest.ts'
import type { CredentialStore } from '../types.ts'
import { contended, TRIES } from './contention.ts'

/** One sign-in on its way. */
export interface SignIn {
  /** Name of the session it begins. */
  readonly session: string
  /** The PKCE code verifier (RFC 7636). */
  readonly verifier: string
  readonly nonce?: string
  /** Who must answer (RFC 9700, section 4.4.2). */
  readonly issuer: string
  readonly redirectUri: string
  readonly returnTo?: string
  /** Where it is not the grant's. */
  readonly scope?: string
  readonly maxAge?: number
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** A sign-in whose code was used. */
interface Used {
  /** A digest of the code, so that another one is not taken for it. */
  readonly code: string
  readonly done?: true
  readonly returnTo?: string
  readonly at: number
}

interface Book {
  readonly open: Readonly<Record<string, SignIn>>
  readonly used: Readonly<Record<string, Used>>
}

export interface SignIns {
  /** Anew, or again for another try. */
  add(state: string, signIn: SignIn): Promise<void>
  /** Takes it out, so that its code is used once, by whoever asks first. Undefined when there is none. */
  take(state: string, code: string): Promise<SignIn | Used | undefined>
  /** Whoever comes later with the same code is told what came of it. */
  finish(state: string): Promise<void>
  /** One holder at a time. */
  alone<T>(task: () => Promise<T>): Promise<T>
}

/** Milliseconds after which nobody comes back. */
const LIFETIME = 3_600_000
/** Of the started ones as of the used ones. */
const MOST = 20

/** `drop` hears of each that nobody will complete any more. */
export function createSignIns(store: CredentialStore, id: string, drop: (signIn: SignIn) => void): SignIns {
  const add: SignIns['add'] = (state, signIn) =>
    change((book) => ({ ...book, open: { ...book.open, [state]: signIn } }))

  return {
    add,
    async take(state, code) {
      let found: SignIn | Used | undefined
      const hash = await textDigest(code)
      await change((book) => {
        const { [state]: taken, ...open } = book.open
        found = taken
        if (!taken) {
          const used = book.used[state]
          found = used?.code === hash ? used : undefined
          return undefined
        }
        const { returnTo } = taken
        const used = { code: hash, at: Date.now(), ...(returnTo !== undefined && { returnTo }) }
        return { open, used: { ...book.used, [state]: used } }
      }).catch(async (error) => {
        // It may have failed after it was done.
        if (found && 'verifier' in found) await add(state, found)
        throw error
      })
      return found
    },
    finish: (state) =>
      change((book) => {
        const used = book.used[state]
        return used && { ...book, used: { ...book.used, [state]: { ...used, done: true } } }
      }),
    alone: (task) => store.lock(id, task, { wait: 30_000 }),
  }

  /** Written over what was read and nothing else; undefined changes nothing. */
  async function change(next: (book: Book) => Book | undefined): Promise<void> {
    for (let tries = 0; tries < TRIES; tries++) {
      const entry = await store.get(id)
      const book = next(read(entry?.value))
      if (!book) return
      const written = { open: newest(book.open), used: newest(book.used) }
      const { ok } = await store.put(id, utf8(JSON.stringify(written)), { ifVersion: entry?.version ?? null })
      if (!ok) continue
      for (const [state, signIn] of Object.entries(book.open)) if (!written.open[state]) drop(signIn)
      return
    }
    throw contended(store)
  }
}

function read(value: Uint8Array | undefined): Book {
  try {
    const { open, used } = JSON.parse(fromUtf8(value ?? new Uint8Array()))
    return { open: { ...open }, used: { ...used } }
  } catch {
    // Nobody can complete what cannot be read; the next sign-in starts a new book.
    return { open: {}, used: {} }
  }
}

function newest<T extends { readonly at: number }>(book: Readonly<Record<string, T>>): Record<string, T> {
  const living = Object.entries(book).filter(([, { at }]) => Math.abs(Date.now() - at) < LIFETIME)
  return Object.fromEntries(living.sort(([, a], [, b]) => b.at - a.at).slice(0, MOST))
}
