import type { CredentialStore, Version } from '../../src/types.ts'
import { equal, rejects } from './assert.ts'

/** Two views of the same records, e.g. two connections. */
export type Open = () => Promise<readonly [CredentialStore, CredentialStore]>

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined) => new TextDecoder().decode(value)
let fresh = 0
const newId = () => `record-${++fresh}-${Math.random()}`

/** What every store must do, whatever keeps its bytes; without a test runner, so that it runs in pages and in any engine. */
export const cases: Readonly<Record<string, (open: Open) => Promise<void>>> = {
  'P3 gives back exactly what was put, and a copy of it': async (open) => {
    const [store, other] = await open()
    const id = newId()
    const value = Uint8Array.from({ length: 4096 }, (_, i) => i % 256)
    const put = await store.put(id, value, { ifVersion: null })
    value.fill(0)
    const entry = await other.get(id)
    equal(entry?.value[255], 255)
    equal(put, { ok: true, version: entry?.version })
    entry?.value.fill(0)
    equal((await other.get(id))?.value[255], 255)
  },

  'says undefined only for what is absent': async (open) => {
    const [store] = await open()
    equal(await store.get(newId()), undefined)
  },

  'keeps ids apart, also odd ones': async (open) => {
    const [store] = await open()
    const ids = ['a', 'a/b', 'a b', 'ä', '%', '../x', `long-${'x'.repeat(200)}`].map((id) => `${newId()}${id}`)
    for (const id of ids) await store.put(id, bytes(id), { ifVersion: null })
    for (const id of ids) equal(text((await store.get(id))?.value), id)
  },

  'creates only with ifVersion null, and shows who was first': async (open) => {
    const [store, other] = await open()
    const id = newId()
    const first = await store.put(id, bytes('first'), { ifVersion: null })
    const second = await other.put(id, bytes('second'), { ifVersion: null })
    equal(first.ok, true)
    equal(second.ok, false)
    equal(!second.ok && text(second.current?.value), 'first')
  },

  'replaces only the version that was read': async (open) => {
    const [store, other] = await open()
    const id = newId()
    const one = await written(store, id, 'one', null)
    const two = await written(other, id, 'two', one)
    equal(two === one, false, 'the version used again')
    equal((await store.put(id, bytes('late'), { ifVersion: one })).ok, false)
    equal(text((await store.get(id))?.value), 'two')
  },

  'never uses a version again, not even after a delete': async (open) => {
    const [store] = await open()
    const id = newId()
    const one = await written(store, id, 'same', null)
    equal(await store.delete(id), 'deleted')
    const two = await written(store, id, 'same', null)
    equal(two === one, false, 'the version used again')
    equal((await store.put(id, bytes('x'), { ifVersion: one })).ok, false)
  },

  'a put for a version of a record that was deleted is a conflict without a current one': async (open) => {
    const [store] = await open()
    const id = newId()
    const version = await written(store, id, 'gone', null)
    await store.delete(id)
    equal(await store.put(id, bytes('late'), { ifVersion: version }), { ok: false, current: undefined })
  },

  'deletes what it was told: deleted, absent or conflict': async (open) => {
    const [store, other] = await open()
    const id = newId()
    equal(await store.delete(id), 'absent')
    const one = await written(store, id, 'one', null)
    const two = await written(store, id, 'two', one)
    equal(await other.delete(id, { ifVersion: one }), 'conflict')
    equal(await other.delete(id, { ifVersion: two }), 'deleted')
    equal(await store.get(id), undefined)
  },

  'P1 loses no update of many writers': async (open) => {
    const views = await open()
    const id = newId()
    await written(views[0], id, '0', null)
    await Promise.all(Array.from({ length: 40 }, (_, i) => increment(views[i % 2] as CredentialStore, id)))
    equal(text((await views[0].get(id))?.value), '40')
  },

  'has one holder of a lock per id, and gives back what the task gave': async (open) => {
    const views = await open()
    const id = newId()
    let holders = 0
    let most = 0
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        (views[i % 2] as CredentialStore).lock(id, async () => {
          most = Math.max(most, ++holders)
          await new Promise((resolve) => setTimeout(resolve, 2))
          holders--
          return i
        }),
      ),
    )
    equal(most, 1)
    equal(results, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  },

  'lets get and put of anyone through while a lock is held': async (open) => {
    const [store, other] = await open()
    const id = newId()
    const held = deferred()
    const holder = store.lock(id, () => held.promise)
    const version = await written(other, id, 'through', null)
    equal((await store.get(id))?.version, version)
    held.resolve()
    await holder
  },

  'locks of different ids do not wait for each other': async (open) => {
    const [store] = await open()
    const held = deferred()
    const holder = store.lock(newId(), () => held.promise)
    equal(await store.lock(newId(), async () => 'free'), 'free')
    held.resolve()
    await holder
  },

  'P5 bounds the wait for a lock, and the next in line still waits for its holder': async (open) => {
    const [store, other] = await open()
    const id = newId()
    const held = deferred()
    let over = false
    const holder = store.lock(id, () => held.promise)
    equal(codeOf(await rejects(other.lock(id, async () => 'never', { wait: 20 }))), 'lock_timeout')
    const next = other.lock(id, async () => over, { wait: 5000 })
    over = true
    held.resolve()
    equal(await next, true)
    await holder
  },

  'an abort ends the wait for a lock with its reason': async (open) => {
    const [store, other] = await open()
    const id = newId()
    const held = deferred()
    const holder = store.lock(id, () => held.promise)
    const control = new AbortController()
    const waiting = other.lock(id, async () => 'never', { signal: control.signal })
    control.abort('enough')
    equal(await rejects(waiting), 'enough')
    equal(await rejects(other.lock(id, async () => 'never', { signal: control.signal })), 'enough')
    held.resolve()
    await holder
  },

  'a task that fails frees the lock and hands on its error': async (open) => {
    const [store, other] = await open()
    const id = newId()
    const failure = new Error('task')
    equal((await rejects(store.lock(id, () => Promise.reject(failure)))) === failure, true, 'the same error')
    equal(await other.lock(id, async () => 'free'), 'free')
  },

  'P9 tells others of a change, by version only': async (open) => {
    const [store, other] = await open()
    if (!other.subscribe) return equal(other.traits.notify, 'none')
    const id = newId()
    const heard: unknown[] = []
    const stop = other.subscribe(id, (change) => heard.push(change))
    const version = await written(store, id, 'news', null)
    await until(() => heard.length === 1)
    await store.delete(id)
    await until(() => heard.length === 2)
    stop()
    await written(store, id, 'unheard', null)
    await new Promise((resolve) => setTimeout(resolve, 20))
    equal(heard, [{ version }, { version: null }])
  },

  'makes one key pair, however many ask at once, and it goes with the record': async (open) => {
    const [store, other] = await open()
    if (!store.keyPair || !other.keyPair) return
    const id = newId()
    let made = 0
    const make = async () => {
      made++
      return (await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, [
        'sign',
        'verify',
      ])) as CryptoKeyPair
    }
    await written(store, id, 'owner', null)
    const pairs = await Promise.all([store.keyPair(id, make), other.keyPair(id, make), store.keyPair(id, make)])
    const data = bytes('signed')
    const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pairs[0].privateKey, data)
    for (const { publicKey } of pairs)
      equal(await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, publicKey, signature, data), true)
    await store.delete(id)
    const next = await store.keyPair(id, make)
    equal(await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, next.publicKey, signature, data), false)
    equal(made > 1, true, 'a second pair')
  },
}

async function written(store: CredentialStore, id: string, value: string, ifVersion: Version | null): Promise<Version> {
  const result = await store.put(id, bytes(value), { ifVersion })
  if (!result.ok) throw new Error('conflict')
  return result.version
}

async function increment(store: CredentialStore, id: string): Promise<void> {
  for (let round = 0; round < 1000; round++) {
    const entry = await store.get(id)
    const next = String(Number(text(entry?.value)) + 1)
    if ((await store.put(id, bytes(next), { ifVersion: entry?.version ?? null })).ok) return
  }
  throw new Error('never got through')
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code
}

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !done(); i++) await new Promise((resolve) => setTimeout(resolve, 10))
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
