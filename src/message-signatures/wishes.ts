import type { DigestAlgorithm } from '../http/content-digest.ts'
import type { Item } from '../http/structured-field.ts'
import { wantedDigest } from '../http/wanted-digest.ts'
import type { Answer, Attempt, ReplayReason } from '../types.ts'
import { type AskedSignature, askedSignature } from './accept-signature.ts'
import { componentValue, identityOf, parseComponent, type Source } from './components.ts'
import type { SignatureParameters } from './sign.ts'

/** What a server wants beside what it would be given. */
interface Wish {
  readonly digest?: DigestAlgorithm | undefined
  readonly signature?: AskedSignature | undefined
}

/** What a signed attempt carried. */
export interface Given extends SignatureParameters {
  readonly label: string
  readonly covered: readonly Item[]
  /** Absent where there was none, because there was no content. */
  readonly digest?: DigestAlgorithm | undefined
}

export interface Wishes {
  /** What to heed in this attempt. */
  of(attempt: Attempt): Wish
  /** What the server asks for beyond what is covered anyway, as far as this request has it. */
  further(asked: readonly string[], listed: readonly string[], source: Source): readonly string[]
  /** Why another attempt at once may help: a refusal that asks for what it was not given. */
  heard(answer: Pick<Answer, 'headers'>, attempt: Attempt, given: Given): ReplayReason | undefined
}

const MOST_ORIGINS = 100

/** Remembers what was asked of a request, by the list that all its attempts share, and what each server asked for last. */
export function createWishes(): Wishes {
  const asked = new WeakMap<object, Wish>()
  const learned = new Map<string, Wish>()
  const of = ({ honoured, url }: Attempt): Wish => asked.get(honoured) ?? learned.get(url.origin) ?? {}

  return {
    of,
    further,
    heard({ headers }, attempt, given) {
      const before = of(attempt)
      const signature = askedSignature(headers.get('accept-signature'), given)
      const digest = given.digest && wantedDigest(headers.get('want-content-digest'))
      const reason =
        signature && !meets(given, signature, before.signature)
          ? 'accept_signature'
          : digest && digest !== given.digest
            ? 'want_content_digest'
            : undefined
      if (!reason || attempt.honoured.includes(reason)) return undefined
      const wish = { digest: digest ?? before.digest, signature: signature ?? before.signature }
      asked.set(attempt.honoured, wish)
      if (learned.size >= MOST_ORIGINS) learned.clear()
      // A nonce is for one signature.
      learned.set(attempt.url.origin, { ...wish, signature: wish.signature && { ...wish.signature, nonce: undefined } })
      return reason
    },
  }
}

/** What the request did not have, though it was asked for before, it will not have now. */
function meets(given: Given, asked: AskedSignature, before: AskedSignature | undefined): boolean {
  const known = new Set([...given.covered, ...(before?.components ?? []).map(parseComponent)].map(identityOf))
  return (
    asked.nonce === undefined &&
    asked.label === given.label &&
    (asked.tag ?? given.tag) === given.tag &&
    (!asked.expires || given.expiresAt !== undefined) &&
    asked.components.every((one) => known.has(identityOf(parseComponent(one))))
  )
}

function further(asked: readonly string[], listed: readonly string[], source: Source): readonly string[] {
  const covered = listed.map((one) => identityOf(parseComponent(one)))
  return asked.filter((one) => {
    try {
      const component = parseComponent(one)
      componentValue(component, source)
      return !covered.includes(identityOf(component))
    } catch {
      return false
    }
  })
}
