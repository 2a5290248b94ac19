import { describe, expect, it } from 'vitest'
import type { CredentialStore, Version } from '../../src/types.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined) => new TextDecoder().decode(value)
let fresh = 0
const newId = () => `record-${++fresh}-${Math.random()}`

/** What every store must do, whatever keeps its bytes. `open` gives two views of the same records, e.g. two connections. */
export function storeContract(name: string, open: () => Promise<readonly [CredentialStore, CredentialStore]>): void {
  describe(`the store contract: ${name}`, () => {
    it('P3 gives back exactly what was put, and a copy of it', async () => {
      const [store, other] = await open()
      const id = newId()
      const value = Uint8Array.from({ length: 4096 }, (_, i) => i % 256)
      const put = await store.put(id, value, { ifVersion: null })
      value.fill(0)
      const entry = await other.get(id)
      expect(entry?.value[255]).toBe(255)
      expect(put).toEqual({ ok: true, version: entry?.version })
      entry?.value.fill(0)
      expect((await other.get(id))?.value[255]).toBe(255)
    })

    it('says undefined only for what is absent', async () => {
      const [store] = await open()
      expect(await store.get(newId())).toBeUndefined()
    })

    it('keeps ids apart, also odd ones', async () => {
      const [store] = await open()
      const ids = ['a', 'a/b', 'a b', 'ä', '%', '../x', `long-${'x'.repeat(200)}`].map((id) => `${newId()}${id}`)
      for (const id of ids) await store.put(id, bytes(id), { ifVersion: null })
      for (const id of ids) expect(text((await store.get(id))?.value)).toBe(id)
    })

    it('creates only with ifVersion null, and shows who was first', async () => {
      const [store, other] = await open()
      const id = newId()
      const first = await store.put(id, bytes('first'), { ifVersion: null })
      const second = await other.put(id, bytes('second'), { ifVersion: null })
      expect(first.ok).toBe(true)
      expect(second.ok).toBe(false)
      expect(!second.ok && text(second.current?.value)).toBe('first')
    })

    it('replaces only the version that was read', async () => {
      const [store, other] = await open()
      const id = newId()
      const one = await written(store, id, 'one', null)
      const two = await written(other, id, 'two', one)
      expect(two).not.toBe(one)
      expect((await store.put(id, bytes('late'), { ifVersion: one })).ok).toBe(false)
      expect(text((await store.get(id))?.value)).toBe('two')
    })

    it('never uses a version again, not even after a delete', async () => {
      const [store] = await open()
      const id = newId()
      const one = await written(store, id, 'same', null)
      expect(await store.delete(id)).toBe('deleted')
      const two = await written(store, id, 'same', null)
      expect(two).not.toBe(one)
      expect((await store.put(id, bytes('x'), { ifVersion: one })).ok).toBe(false)
    })

    it('a put for a version of a record that was deleted is a conflict without a current one', async () => {
      const [store] = await open()
      const id = newId()
      const version = await written(store, id, 'gone', null)
      await store.delete(id)
      expect(await store.put(id, bytes('late'), { ifVersion: version })).toEqual({ ok: false, current: undefined })
    })

    it('deletes what it was told: deleted, absent or conflict', async () => {
      const [store, other] = await open()
      const id = newId()
      expect(await store.delete(id)).toBe('absent')
      const one = await written(store, id, 'one', null)
      const two = await written(store, id, 'two', one)
      expect(await other.delete(id, { ifVersion: one })).toBe('conflict')
      expect(await other.delete(id, { ifVersion: two })).toBe('deleted')
      expect(await store.get(id)).toBeUndefined()
    })

    it('P1 loses no update of many writers', async () => {
      const views = await open()
      const id = newId()
      await written(views[0], id, '0', null)
      await Promise.all(Array.from({ length: 40 }, (_, i) => increment(views[i % 2] as CredentialStore, id)))
      expect(text((await views[0].get(id))?.value)).toBe('40')
    })

    it('has one holder of a lock per id, and gives back what the task gave', async () => {
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
      expect(most).toBe(1)
      expect(results).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    })

    it('lets get and put of anyone through while a lock is held', async () => {
      const [store, other] = await open()
      const id = newId()
      const held = deferred()
      const holder = store.lock(id, () => held.promise)
      const version = await written(other, id, 'through', null)
      expect((await store.get(id))?.version).toBe(version)
      held.resolve()
      await holder
    })

    it('locks of different ids do not wait for each other', async () => {
      const [store] = await open()
      const held = deferred()
      const holder = store.lock(newId(), () => held.promise)
      expect(await store.lock(newId(), async () => 'free')).toBe('free')
      held.resolve()
      await holder
    })

    it('P5 bounds the wait for a lock, and the next in line still waits for its holder', async () => {
      const [store, other] = await open()
      const id = newId()
      const held = deferred()
      let over = false
      const holder = store.lock(id, () => held.promise)
      await expect(other.lock(id, async () => 'never', { wait: 20 })).rejects.toMatchObject({ code: 'lock_timeout' })
      const next = other.lock(id, async () => over, { wait: 5000 })
      over = true
      held.resolve()
      expect(await next).toBe(true)
      await holder
    })

    it('an abort ends the wait for a lock with its reason', async () => {
      const [store, other] = await open()
      const id = newId()
      const held = deferred()
      const holder = store.lock(id, () => held.promise)
      const control = new AbortController()
      const waiting = other.lock(id, async () => 'never', { signal: control.signal })
      control.abort('enough')
      await expect(waiting).rejects.toBe('enough')
      await expect(other.lock(id, async () => 'never', { signal: control.signal })).rejects.toBe('enough')
      held.resolve()
      await holder
    })

    it('a task that fails frees the lock and hands on its error', async () => {
      const [store, other] = await open()
      const id = newId()
      await expect(store.lock(id, () => Promise.reject(new Error('task')))).rejects.toThrow('task')
      expect(await other.lock(id, async () => 'free')).toBe('free')
    })

    it('P9 tells others of a change, by version only', async () => {
      const [store, other] = await open()
      if (!other.subscribe) return expect(other.traits.notify).toBe('none')
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
      expect(heard).toEqual([{ version }, { version: null }])
    })

    it('makes one key pair, however many ask at once, and it goes with the record', async () => {
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
        expect(await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, publicKey, signature, data)).toBe(true)
      await store.delete(id)
      const next = await store.keyPair(id, make)
      expect(await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, next.publicKey, signature, data)).toBe(
        false,
      )
      expect(made).toBeGreaterThan(1)
    })
  })
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
