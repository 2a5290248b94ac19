import type { UseStore } from 'idb-keyval'
import { StoreError } from '../errors.ts'

const BACKEND = 'indexed-db'
const RECORDS = 'records'
/** What a connection that was lost says; the browser closes some without an event, Safari most of all. */
const LOST = ['InvalidStateError', 'AbortError', 'UnknownError', undefined]

/**
 * A database for idb-keyval that is opened when it is needed, stands in nobody's way, and answers in time.
 *
 * Writes are strict: they have reached the disk when they resolve. A lost connection is opened again, once a call.
 */
export function connect(database: string, timeout: number): UseStore {
  let opening: Promise<IDBDatabase> | undefined

  return async (mode, callback) => {
    for (let attempt = 1; ; attempt++) {
      const mine = opened()
      const db = await mine
      try {
        return await answered(db.transaction(RECORDS, mode, { durability: 'strict' }), callback, timeout)
      } catch (error) {
        if (error instanceof StoreError) throw error
        if (attempt > 1 || !LOST.includes((error as Error | null)?.name)) throw failure(error)
        forget(mine)
        db.close()
      }
    }
  }

  function opened(): Promise<IDBDatabase> {
    if (!opening) {
      const mine = open(database, timeout, () => forget(mine))
      opening = mine
      mine.catch(() => forget(mine))
    }
    return opening
  }

  function forget(which: Promise<IDBDatabase>): void {
    if (opening === which) opening = undefined
  }
}

function open(database: string, timeout: number, lost: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    let request: IDBOpenDBRequest
    try {
      request = indexedDB.open(database, 1)
    } catch (error) {
      return reject(failure(error))
    }
    let late = false
    const timer = setTimeout(() => {
      late = true
      reject(silent(timeout))
    }, timeout)
    request.onupgradeneeded = () => request.result.createObjectStore(RECORDS)
    request.onerror = () => {
      clearTimeout(timer)
      reject(failure(request.error))
    }
    request.onsuccess = () => {
      clearTimeout(timer)
      const db = request.result
      if (late) return db.close()
      // Another tab wants to delete or upgrade the database: it waits for as long as we keep it open.
      db.onversionchange = () => {
        lost()
        db.close()
      }
      db.onclose = lost
      resolve(db)
    }
  })
}

function answered<T>(
  transaction: IDBTransaction,
  callback: (store: IDBObjectStore) => T | PromiseLike<T>,
  timeout: number,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // First: the abort makes the work reject with a reason of its own.
      reject(silent(timeout))
      try {
        transaction.abort()
      } catch {
        // It has ended meanwhile.
      }
    }, timeout)
    new Promise<T>((done) => done(callback(transaction.objectStore(RECORDS))))
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}

function silent(timeout: number): StoreError {
  return new StoreError(
    'unavailable',
    BACKEND,
    `IndexedDB gave no answer for ${timeout} ms. Try again, or raise \`timeout\`.`,
  )
}

/** The browser's error by its name; what it quotes stays behind. */
function failure(error: unknown): StoreError {
  const name = (error as Error | null)?.name ?? 'no reason'
  if (name === 'QuotaExceededError')
    return new StoreError(
      'quota',
      BACKEND,
      'The browser gives this origin no more space. What was stored is unchanged.',
    )
  const reasons: Record<string, string> = {
    ReferenceError: 'There is no IndexedDB here. In Node, Deno and Bun use sqliteStore.',
    SecurityError: 'This page may not use IndexedDB: a sandboxed frame, or site data is blocked. Use memoryStore.',
    DataCloneError: 'This browser keeps no keys here, as some do in private windows. Use memoryStore.',
    VersionError: 'The database is of a newer version of Latchkey.',
  }
  return new StoreError('unavailable', BACKEND, reasons[name] ?? `IndexedDB failed (${name}). Try again.`)
}
