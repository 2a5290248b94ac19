// What the tests of the IndexedDB store do inside a page: functions that take and give JSON.
import { describe } from '../../src/storage/describe.ts'
import { indexedDbStore } from '../../src/storage/indexed-db.ts'
import type { CredentialStore, Entry, Version } from '../../src/types.ts'
import { cases } from './cases.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (entry: Entry | undefined) => entry && new TextDecoder().decode(entry.value)
const stores = new Map<string, CredentialStore>()

/** The page's store of that name; the same one each time. */
export function storeOf(name: string): CredentialStore {
  const store = stores.get(name) ?? indexedDbStore(name, { timeout: 20_000 })
  stores.set(name, store)
  return store
}

/** One case of the contract, over two stores on the same database. */
export async function run(name: string): Promise<void> {
  const database = `contract ${Math.random()}`
  await cases[name]?.(async () => [indexedDbStore(database), indexedDbStore(database)])
}

export async function read(name: string, id = 'id'): Promise<string | undefined> {
  return text(await storeOf(name).get(id))
}

/** As after a reload: by a store that knows no key yet. */
export async function readAnew(name: string, id: string): Promise<string | undefined> {
  return text(await indexedDbStore(name).get(id))
}

/** Writes over whatever stands there. */
export async function write(name: string, value: string, id = 'id'): Promise<void> {
  const store = storeOf(name)
  const version = (await store.get(id))?.version ?? null
  const result = await store.put(id, bytes(value), { ifVersion: version })
  if (!result.ok) throw new Error('conflict')
}

/** Creates, whatever may stand there unreadable. */
export async function create(name: string, value: string, id = 'id'): Promise<boolean> {
  return (await storeOf(name).put(id, bytes(value), { ifVersion: null })).ok
}

export async function remove(name: string, id = 'id'): Promise<string> {
  return storeOf(name).delete(id)
}

/** The code of the error that the work ends with, or 'resolved'. */
export async function codeOf(work: 'read' | 'write' | 'create' | 'lock', name: string): Promise<string> {
  const lock = () => storeOf(name).lock('id', async () => {})
  try {
    await { read: () => read(name), write: () => write(name, 'value'), create: () => create(name, 'value'), lock }[
      work
    ]()
    return 'resolved'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

export async function increment(name: string, times: number): Promise<void> {
  const store = storeOf(name)
  for (let done = 0; done < times; ) {
    const entry = await store.get('id')
    const next = bytes(String(Number(text(entry) ?? 0) + 1))
    if ((await store.put('id', next, { ifVersion: entry?.version ?? null })).ok) done++
  }
}

/** Rounds on databases nobody has used, each begun at the same moment as in the other tab. */
export async function firstUses(start: number, rounds: number, id: string): Promise<string[]> {
  const failures: string[] = []
  for (let round = 0; round < rounds; round++) {
    const wait = start + round * 60 - Date.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    await write(`first use ${start} ${round}`, id, id).catch((error: unknown) => failures.push(`write: ${error}`))
  }
  return failures
}

export async function readBoth(start: number, rounds: number): Promise<string[]> {
  const failures: string[] = []
  for (let round = 0; round < rounds; round++)
    for (const id of ['one', 'two']) {
      const found = await read(`first use ${start} ${round}`, id).catch(String)
      if (found !== id) failures.push(`round ${round}: ${found} instead of ${id}`)
    }
  return failures
}

/** Takes the lock again and again; counts how often somebody else was inside at the same time. */
export async function contend(name: string, rounds: number): Promise<number> {
  const store = storeOf(name)
  const me = String(Math.random())
  let intruders = 0
  for (let round = 0; round < rounds; round++)
    await store.lock(
      'id',
      async () => {
        const before = await store.get('inside')
        if (before && text(before) !== 'nobody') intruders++
        const entered = await store.put('inside', bytes(me), { ifVersion: before?.version ?? null })
        if (!entered.ok) return void intruders++
        const left = await store.put('inside', bytes('nobody'), { ifVersion: entered.version })
        if (!left.ok) intruders++
      },
      { wait: 60_000 },
    )
  return intruders
}

/** Takes the lock and keeps it for as long as the page lives; resolves when it is held. */
export function hold(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    storeOf(name)
      .lock('id', () => new Promise(() => resolve()))
      .catch(reject)
  })
}

/** Milliseconds until the lock was had. */
export async function acquire(name: string, wait: number): Promise<number> {
  const start = performance.now()
  return storeOf(name).lock('id', async () => performance.now() - start, { wait })
}

const heard: unknown[] = []
/** Everything that is said on the channel, and what a subscriber hears. */
export function listen(name: string): void {
  storeOf(name).subscribe?.('id', (change) => heard.push({ change }))
  new BroadcastChannel(`latchkey ${name}`).onmessage = ({ data }) => heard.push({ message: data })
}
export async function heardSoFar(least: number): Promise<unknown[]> {
  for (let i = 0; i < 500 && heard.length < least; i++) await new Promise((resolve) => setTimeout(resolve, 10))
  return heard
}

function requested<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

/** Deletes the database; says so when another tab is in the way. */
export function deleteDatabase(name: string): Promise<string> {
  return new Promise((resolve) => {
    const request = indexedDB.deleteDatabase(`latchkey ${name}`)
    request.onsuccess = () => resolve('deleted')
    request.onblocked = () => resolve('blocked')
  })
}

export function upgradeDatabase(name: string): Promise<string> {
  return new Promise((resolve) => {
    const request = indexedDB.open(`latchkey ${name}`, 2)
    request.onblocked = () => resolve('blocked')
    request.onsuccess = () => {
      request.result.close()
      resolve('upgraded')
    }
  })
}

type Objects = Record<string, unknown>
/** Reads and changes what lies in the database, behind the back of the store. */
async function tamper(name: string, change: (objects: Objects) => Objects): Promise<void> {
  const db = await requested(indexedDB.open(`latchkey ${name}`, 1))
  const objects = db.transaction('records', 'readwrite').objectStore('records')
  const [keys, values] = await Promise.all([requested(objects.getAllKeys()), requested(objects.getAll())])
  const now = Object.fromEntries(keys.map((key, i) => [String(key), values[i]]))
  const then = change(now)
  const writing = db.transaction('records', 'readwrite').objectStore('records')
  writing.clear()
  for (const [key, value] of Object.entries(then)) writing.put(value, key)
  await new Promise((resolve) => {
    writing.transaction.oncomplete = resolve
  })
  db.close()
}

interface Kept {
  version: Version
  value: Uint8Array
}
export async function flipBit(name: string): Promise<void> {
  await tamper(name, (objects) => {
    const kept = objects['record id'] as Kept
    kept.value[50] = (kept.value[50] as number) ^ 1
    return objects
  })
}
export async function swapRecords(name: string, one: string, two: string): Promise<void> {
  await tamper(name, (objects) => ({
    ...objects,
    [`record ${one}`]: objects[`record ${two}`],
    [`record ${two}`]: objects[`record ${one}`],
  }))
}
export async function loseKey(name: string): Promise<void> {
  await tamper(name, ({ key, ...objects }) => objects)
}
export async function keysOf(name: string): Promise<string[]> {
  let keys: string[] = []
  await tamper(name, (objects) => {
    keys = Object.keys(objects)
    return objects
  })
  return keys
}
export async function exportKey(name: string): Promise<string> {
  let key: unknown
  await tamper(name, (objects) => {
    key = objects.key
    return objects
  })
  return crypto.subtle.exportKey('raw', key as CryptoKey).then(
    () => 'exported',
    (error: Error) => error.name,
  )
}

const sign = { name: 'ECDSA', hash: 'SHA-256' }
const make = () => crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
async function pairOf(name: string): Promise<CryptoKeyPair> {
  const pair = await storeOf(name).keyPair?.('id', make)
  if (!pair) throw new Error('no key pair')
  return pair
}
export async function signed(name: string, content: string): Promise<number[]> {
  const { privateKey } = await pairOf(name)
  return [...new Uint8Array(await crypto.subtle.sign(sign, privateKey, bytes(content)))]
}
export async function verified(name: string, content: string, signature: number[]): Promise<boolean> {
  const { publicKey } = await pairOf(name)
  return crypto.subtle.verify(sign, publicKey, new Uint8Array(signature), bytes(content))
}

/** Closes every connection this page has, as Safari does: without an event. */
export function closeBehind(): void {
  for (const db of databases) db.close()
}
const databases: IDBDatabase[] = []
const { open } = IDBFactory.prototype
IDBFactory.prototype.open = function (...given) {
  const request = open.apply(this, given)
  request.addEventListener('success', () => databases.push(request.result))
  return request
}

/** A browser whose databases never open, for a while. */
export async function neverOpens(name: string): Promise<string[]> {
  const real = IDBFactory.prototype.open
  IDBFactory.prototype.open = () => ({}) as IDBOpenDBRequest
  const store = indexedDbStore(name, { timeout: 2000 })
  const attempt = () => store.get('id').then(String, (error: { code?: string }) => String(error.code))
  const first = await attempt()
  IDBFactory.prototype.open = real
  return [first, await attempt()]
}

/**
 * A database that opens after the store gave up, because somebody's upgrade of it takes its time. Then: the first answer, the answer
 * once it is open, and whether a connection that came too late stands in the way of who deletes the database.
 */
export async function opensLate(name: string): Promise<string[]> {
  const upgrade = indexedDB.open(`latchkey ${name}`, 1)
  let goOn = true
  upgrade.onupgradeneeded = () => {
    const objects = upgrade.result.createObjectStore('records')
    const keepOpen = () => {
      if (goOn) objects.get('nothing').onsuccess = keepOpen
    }
    keepOpen()
  }
  const store = indexedDbStore(name, { timeout: 300 })
  const attempt = () => store.get('id').then(String, (error: { code?: string }) => String(error.code))
  const first = await attempt()
  goOn = false
  const others = await requested(upgrade)
  others.close()
  // The request that came too late is answered before this one.
  const now = await requested(indexedDB.open(`latchkey ${name}`, 1))
  now.close()
  const deleted = await deleteDatabase(name)
  return [first, deleted, await attempt()]
}

/** The same without Web Locks. */
export async function withoutLocks(): Promise<string[]> {
  const { locks } = navigator
  Object.defineProperty(navigator, 'locks', { value: undefined, configurable: true })
  const store = indexedDbStore(`no locks ${Math.random()}`)
  await cases['has one holder of a lock per id, and gives back what the task gave']?.(async () => [store, store])
  Object.defineProperty(navigator, 'locks', { value: locks, configurable: true })
  return [store.traits.lock, storeOf('with locks').traits.lock]
}

export async function report(name: string): Promise<unknown> {
  return describe(storeOf(name))
}

/** What a sandboxed frame without an origin gets. */
export function inSandbox(): Promise<unknown> {
  const frame = document.createElement('iframe')
  frame.sandbox.add('allow-scripts')
  frame.srcdoc = `<script src="${location.origin}/page.js"></script><script>
    Promise.all(['read', 'create', 'lock'].map((work) => page.codeOf(work, 'sandboxed'))).then((codes) => parent.postMessage(codes, '*'))
  </script>`
  return new Promise((resolve) => {
    addEventListener('message', ({ data }) => resolve(data), { once: true })
    document.body.append(frame)
  })
}
