// What the client tells, as React can watch it: each request with its state, and the last words.
import type { ClientEvent } from 'latchkey'

interface Call {
  readonly id: number
  readonly path: string
  readonly state: 'waiting' | 'flying' | 'done' | 'failed'
  readonly note: string
  readonly attempts: number
}

export interface Traffic {
  readonly calls: readonly Call[]
  readonly renewals: number
  readonly refusals: number
}

const MOST = 96
let traffic: Traffic = { calls: [], renewals: 0, refusals: 0 }
const listeners = new Set<() => void>()

export const watch = (listener: () => void): (() => void) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
export const current = (): Traffic => traffic

export function emit(event: ClientEvent): void {
  traffic = next(traffic, event)
  for (const listener of listeners) listener()
}

function next(before: Traffic, event: ClientEvent): Traffic {
  if (event.type === 'renew') return { ...before, renewals: before.renewals + (event.outcome === 'renewed' ? 1 : 0) }
  if (!('id' in event)) return before
  const known = before.calls.find(({ id }) => id === event.id)
  const call: Call = { ...(known ?? fresh(event.id, event.url)), ...changed(event) }
  const others = before.calls.filter(({ id }) => id !== event.id)
  // Nobody asks for it any longer: React's StrictMode does that to the first of each kind.
  if (event.type === 'end' && event.error === 'aborted') return { ...before, calls: others }
  const refused = event.type === 'response' && event.status === 429
  return {
    ...before,
    refusals: before.refusals + (refused ? 1 : 0),
    calls: [...others, call].sort((a, b) => a.id - b.id).slice(-MOST),
  }
}

function fresh(id: number, url: string): Call {
  return { id, path: new URL(url).pathname, state: 'waiting', note: '', attempts: 0 }
}

function changed(event: ClientEvent): Partial<Call> {
  switch (event.type) {
    case 'wait':
      return { state: 'waiting', note: event.reason }
    case 'retry':
      return { state: 'waiting', note: event.reason }
    case 'attempt':
      return { state: 'flying', note: '', attempts: event.number }
    case 'end':
      return event.status !== undefined && event.status < 400
        ? { state: 'done', note: '' }
        : { state: 'failed', note: event.error ?? String(event.status) }
    default:
      return {}
  }
}
